"""Agreement of our signals and policies with another project's filters, rule by rule."""
