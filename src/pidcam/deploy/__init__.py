"""Taking a model to where events are."""
