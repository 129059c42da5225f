#!/bin/sh
# A lease has begun: write the node into an Ansible inventory, so that playbooks reach it.
#
#   script        = fulfill.sh
#   script_params = node_name,node_uuid,purpose,start_time,end_time
#
# Idempotent: run again, it writes the same file again. One file a node, so that scripts of
# different nodes, which run side by side, do not meet.
set -eu

node_name=$1 node_uuid=$2 purpose=$3 start_time=$4 end_time=$5
inventory=${ESI_INVENTORY:-/var/lib/esi-event-actions/inventory}

# Anyone with a lease chooses the purpose: it is text to be quoted, never a part of a command, a
# file name or YAML syntax. In YAML a single quote in single quotes is written twice.
quoted() { printf "'%s'" "$(printf %s "$1" | tr -d '\000-\037' | sed "s/'/''/g")"; }

case $node_uuid in
'' | *[!A-Za-z0-9._-]* | .*) echo "not the name of a node: $node_uuid" >&2 && exit 1 ;;
esac

mkdir -p "$inventory"
new=$inventory/.$node_uuid.new
{
    printf 'leased:\n  hosts:\n    %s:\n' "$(quoted "${node_name:-$node_uuid}")"
    printf '      node_uuid: %s\n' "$(quoted "$node_uuid")"
    printf '      purpose: %s\n' "$(quoted "$purpose")"
    printf '      lease_start: %s\n' "$(quoted "$start_time")"
    printf '      lease_end: %s\n' "$(quoted "$end_time")"
} >"$new"
mv "$new" "$inventory/$node_uuid.yml"
echo "node ${node_name:-$node_uuid} is in the inventory until $end_time"
