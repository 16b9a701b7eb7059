"""Remember responses of the services by the content of their requests."""
