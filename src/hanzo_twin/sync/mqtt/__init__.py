"""The MQTT connection that the MQTT source and the MQTT sink share."""
