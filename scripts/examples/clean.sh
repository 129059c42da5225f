#!/bin/sh
# A node is to be cleaned: take it out of the pool, clean it, and offer it again.
#
#   script        = clean.sh
#   script_params = alert.labels.node
#
# Idempotent: after a crash it goes on with the state that the node is in. The client finds its cloud by OS_CLOUD.
set -eu

node=$1
case $node in
'' | *[!A-Za-z0-9._-]* | [.-]*) echo "not the name of a node: $node" >&2 && exit 1 ;;
esac

state=$(openstack baremetal node show "$node" -f value -c provision_state)
[ "$state" = manageable ] || openstack baremetal node manage --wait 0 "$node"
openstack baremetal node clean --wait 0 "$node" \
    --clean-steps '[{"interface": "deploy", "step": "erase_devices_metadata"}]'
openstack baremetal node provide --wait 0 "$node"
echo "node $node is available again"
