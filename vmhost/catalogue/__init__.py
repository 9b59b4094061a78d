"""What can be launched: EC2's instance types, and images by what each driver needs to boot them. Data and readers."""
