#!/usr/bin/env bash
# Proves that the Java HistogramLogProcessor reads our .hlog exports. Needs Java and Maven.
set -euo pipefail
cd "$(dirname "$0")/.."

version=2.2.2
jar=target/hdrhistogram/HdrHistogram-$version.jar

for tool in java mvn; do
    command -v "$tool" >/dev/null || { echo "error: $tool is missing; install a JDK and Maven" >&2; exit 1; }
done
if [ ! -f "$jar" ]; then
    mvn -q dependency:copy -Dartifact="org.hdrhistogram:HdrHistogram:$version" -DoutputDirectory="$PWD/target/hdrhistogram"
fi
HDR_HISTOGRAM_JAR="$PWD/$jar" cargo test -q -p gauntlet-export --features java --test files -- java
