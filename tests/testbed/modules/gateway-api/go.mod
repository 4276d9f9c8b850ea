// Only its manifests are used: nothing of it is compiled.
module revstamp.io/testbed/gateway-api

go 1.26.0

require sigs.k8s.io/gateway-api v1.7.0
