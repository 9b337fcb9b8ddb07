#!/usr/bin/env bash
# Software: io.ktor:ktor-server-config-yaml-jvm 3.5.1 and io.ktor:ktor-serialization-kotlinx-json-jvm 3.5.1, from Maven Central, with Maven.
# Expected: two artifacts of one Ktor release can be in any order in a pom, and bring the kotlinx-serialization-core of that release.
# Seen (2026-11-30): with ktor-server-config-yaml first, the class path has kotlinx-serialization-core-jvm 1.5.0, which yamlkt asks for, next
#   to kotlinx-serialization-json-jvm of the Ktor release. Maven takes the first of two versions at the same depth, Gradle the newest one.
#   Serializers in a library that was compiled with a newer version can then fail with an AbstractMethodError when they are used.
# Matters to: live-server and live-client, which depend on kotlinx-serialization-core directly for this reason, and docs/tutorial.md.
# Needs: JDK 17 or later, Maven 3.8 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

yaml='<dependency><groupId>io.ktor</groupId><artifactId>ktor-server-config-yaml-jvm</artifactId><version>3.5.1</version></dependency>'
json='<dependency><groupId>io.ktor</groupId><artifactId>ktor-serialization-kotlinx-json-jvm</artifactId><version>3.5.1</version></dependency>'

serialization_of() { # dependencies in this order
    cat > pom.xml <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>$1$2</dependencies>
</project>
POM
    mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.9.0:build-classpath -Dmdep.outputFile=path.txt >/dev/null
    grep -o 'kotlinx-serialization-\(core\|json\)-jvm-[0-9.]*[0-9]\.jar' path.txt | sort -u | tr '\n' ' '
}

yaml_first=$(serialization_of "$yaml" "$json")
json_first=$(serialization_of "$json" "$yaml")
printf 'yaml first: %s\njson first: %s\n' "$yaml_first" "$json_first"
[[ $yaml_first == *core-jvm-1.5.0.jar* && $yaml_first == *json-jvm-1.11.0.jar* && $json_first == *core-jvm-1.11.0.jar* ]]
