#!/usr/bin/env bash
# Software: org.jetbrains.kotlinx:kotlinx-serialization-json-jvm 1.11.0, from Maven Central.
# Expected: a parsed JsonElement is encoded to the same JSON as its toString(). RFC 8259, section 6, does not limit the
#   digits or the exponent of a number.
# Seen (2026-11-29): encodeToString converts numbers to Long or Double. It drops digits, zeros and the sign of -0, and
#   fails on 1e400. toString() keeps the text.
# Affects: LiteralEncoder in live-protocol, which Body.of uses for types that hold a JsonElement.
# Needs: JDK 17 or later, Maven 3.8 or later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat > pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>org.jetbrains.kotlinx</groupId><artifactId>kotlinx-serialization-json-jvm</artifactId><version>1.11.0</version>
  </dependency></dependencies>
</project>
POM
cat > Numbers.java <<'JAVA'
import kotlinx.serialization.json.Json;
import kotlinx.serialization.json.JsonElement;

public class Numbers {
    public static void main(String[] numbers) {
        for (String number : numbers) {
            JsonElement element = Json.Default.parseToJsonElement(number);
            String encoded;
            try {
                encoded = Json.Default.encodeToString(JsonElement.Companion.serializer(), element);
            } catch (IllegalArgumentException e) {
                encoded = "fails";
            }
            System.out.println(number + " toString " + element + " encoded " + encoded);
        }
    }
}
JAVA
mvn -q -B -ntp dependency:copy-dependencies -DoutputDirectory=lib > maven.log || { cat maven.log; exit 1; }
seen=$(java -cp 'lib/*' Numbers.java 123456789012345678901234567890 0.1000 -0 1e400)

echo "$seen"
[ "$seen" = "123456789012345678901234567890 toString 123456789012345678901234567890 encoded 1.2345678901234568E29
0.1000 toString 0.1000 encoded 0.1
-0 toString -0 encoded 0
1e400 toString 1e400 encoded fails" ]
