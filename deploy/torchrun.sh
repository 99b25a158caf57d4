#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# On each of NODES machines: deploy/torchrun.sh NODES HOST, where HOST is the first machine's private address.
# torchrun (any PyTorch) only starts the ranks and starts them again after a loss: --no-python.
set -euo pipefail
exec torchrun --no-python \
  --nnodes="$1" --nproc-per-node=1 --max-restarts=10 \
  --rdzv-id=longnet --rdzv-backend=c10d --rdzv-endpoint="$2:29400" \
  ./longnet train --recipe quickstart --out runs/torchrun --resume-if-begun
