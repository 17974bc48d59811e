"""Groups of similar documents within a snapshot: candidates, verification, connected components."""
