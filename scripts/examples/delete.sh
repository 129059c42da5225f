#!/bin/sh
# A lease has ended: take the node out of the inventory that fulfill.sh writes.
#
#   script        = delete.sh
#   script_params = node_name,node_uuid,purpose,fulfill_time
#
# Idempotent: a node that is not there any more is no error. ESI Leap also deletes leases that never
# began; those have no fulfill_time.
set -eu

node_name=$1 node_uuid=$2 fulfill_time=$4
inventory=${ESI_INVENTORY:-/var/lib/esi-event-actions/inventory}

case $node_uuid in
'' | *[!A-Za-z0-9._-]* | .*) echo "not the name of a node: $node_uuid" >&2 && exit 1 ;;
esac

if [ -z "$fulfill_time" ]; then
    echo "the lease of node ${node_name:-$node_uuid} never began"
    exit 0
fi
rm -f "$inventory/$node_uuid.yml"
echo "node ${node_name:-$node_uuid} is out of the inventory"
