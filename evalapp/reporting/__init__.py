"""Reports: frozen snapshots of what people said, and the pages that show them."""
