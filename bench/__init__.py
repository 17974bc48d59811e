"""Side-by-side benchmarks and parity checks against public peers; none of it is imported by the product."""
