"""The entity-relationship diagram of the star, drawn from its models."""
