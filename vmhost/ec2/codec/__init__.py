"""Query forms to dicts and dicts to XML, by the shapes of the service model. Pure; knows no action by name."""
