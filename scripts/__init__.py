"""Jobs for maintainers; not part of the package."""
