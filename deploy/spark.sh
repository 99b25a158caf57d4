#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# deploy/spark.sh MASTER RANKS CORES [options of longnet train]: one rank an executor, with so many cores. For example:
#   deploy/spark.sh spark://HOST:7077 8 32 --recipe quickstart --out runs/spark --resume-if-begun
# From a directory that driver and executors see at one place, as they do this checkout, built once:
#   ./longnet --version && ./mvnw -pl longnet-spark -Dmaven.test.skip package
set -euo pipefail
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
master=$1 ranks=$2 cores=$3

# A rank is a process beside the executor and lives in its memoryOverhead: `longnet train --dry-run` says how much it needs.
exec "${SPARK_HOME:+$SPARK_HOME/bin/}spark-submit" --master "$master" --name longnet \
  --conf spark.executor.instances="$ranks" --conf spark.executor.cores="$cores" \
  --conf spark.cores.max=$((ranks * cores)) --conf spark.task.cpus="$cores" \
  --conf spark.dynamicAllocation.enabled=false \
  --conf spark.executor.memory=1g --conf spark.executor.memoryOverhead="${LONGNET_MEMORY:-16g}" \
  --conf spark.longnet.command="$checkout/longnet" \
  --class dev.longnet.spark.TrainOnSpark "$checkout"/longnet-spark/target/longnet-spark-*.jar \
  --ranks "$ranks" "${@:4}"
