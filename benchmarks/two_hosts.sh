#!/usr/bin/env bash
# Two hosts train one model: two network namespaces joined by a cable, a torchrun in each. Needs root and iproute2.
#
#   benchmarks/two_hosts.sh [FILES...]     (default: examples/data/Single*.hdf5)
#
# Compares the weights with those of one process; the last line is one JSON object.
set -euo pipefail
PYTHON=${PYTHON:-python}
FILES=("${@:-examples/data/Single*.hdf5}")
WORK=$(mktemp -d)
export OMP_NUM_THREADS=1
clean() {
    ip netns delete pidcam-a 2>/dev/null || true
    ip netns delete pidcam-b 2>/dev/null || true
    rm -rf "$WORK"
}
trap clean EXIT

ip netns add pidcam-a
ip netns add pidcam-b
ip link add cable-a netns pidcam-a type veth peer name cable-b netns pidcam-b
for side in a:10.77.0.1 b:10.77.0.2; do
    host=${side%%:*}
    ip -n "pidcam-$host" addr add "${side##*:}/24" dev "cable-$host"
    ip -n "pidcam-$host" link set "cable-$host" up
    ip -n "pidcam-$host" link set lo up
done

# shellcheck disable=SC2086
$PYTHON -m pidcam prepare cms-ecal ${FILES[*]} --out "$WORK/store" --seed 7 --quiet >/dev/null
TRAIN=(pidcam train "$WORK/store" --model mlp training.limit=2000 training.epochs=3 training.batch_size=100
       training.precision=fp32 training.threads=1 model.dropout=0 --quiet --out)
$PYTHON -m "${TRAIN[@]}" "$WORK/alone" >/dev/null

start() {  # host, rank of the host, interface
    GLOO_SOCKET_IFNAME="cable-$1" ip netns exec "pidcam-$1" $PYTHON -m torch.distributed.run --nnodes 2 --node-rank "$2" \
        --nproc-per-node 1 --master-addr 10.77.0.1 --master-port 29511 -m "${TRAIN[@]}" "$WORK/together" >/dev/null
}
start b 1 &
start a 0
wait

$PYTHON - "$WORK" <<'PYTHON'
import json, sys
from pathlib import Path
from safetensors.numpy import load_file
from pidcam.runs import RunDirectory

runs = [Path(sys.argv[1]) / name for name in ("alone", "together")]
one, two = (load_file(run / "model" / "weights.safetensors") for run in runs)
loss = [RunDirectory(run).history[-1]["valid_loss"] for run in runs]
# the order of sums differs, and Adam makes whole steps of the rounding of gradients that are almost zero
mean = sum(float(abs(one[name] - two[name]).sum()) for name in one) / sum(one[name].size for name in one)
print(json.dumps({"hosts": 2, "mean_difference_of_weights": mean, "valid_loss": loss}))
assert abs(loss[0] - loss[1]) < 1e-4
assert mean < 1e-3
PYTHON
