"""What users write: the twin definition (`yaml_source`, `models`) and the program's settings (`settings`)."""
