"""The catalogues: EC2's instance types, and images with what each driver needs to start them."""
