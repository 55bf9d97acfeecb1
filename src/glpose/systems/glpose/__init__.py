"""GLPose (Jiao et al., ACM TOMM 2022): `spec` is its settings, `net` the network, `data` clips."""
