"""What a DAG runs on the access point: PRE and POST scripts and the UPLOAD job; imports little."""
