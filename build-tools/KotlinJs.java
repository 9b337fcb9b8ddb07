import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jetbrains.kotlin.cli.common.ExitCode;
import org.jetbrains.kotlin.cli.js.K2JSCompiler;

/**
 * Compiles the common code of the module in the working directory to JavaScript, and its tests to a Node program.
 *
 * <p>It runs two or three compilations in one JVM: from the second one the compiler is warm, which halves the time.
 *
 * <p>Usage: KotlinJs MODULE klib|tests KLIBS, in the module's folder. KLIBS is a list of klibs and of
 * folders with klibs. Writes target/js/MODULE.klib, and with "tests" also target/js-tests/MODULE-tests.mjs.
 */
public class KotlinJs {
    private static final Path KLIBS = Path.of("target", "js");
    // a separate folder, because the linker deletes its contents
    private static final Path PROGRAM = Path.of("target", "js-tests");

    public static void main(String[] a) throws IOException {
        String module = a[0];
        List<Path> klibs = klibs(a[2]);
        List<Path> common = sources("src/commonMain/kotlin");
        List<Path> all = join(common, sources("src/jsMain/kotlin"));
        Path klib = klib(
                module,
                klibs,
                all,
                "-Xexplicit-api=strict",
                "-Xmulti-platform",
                "-Xexpect-actual-classes",
                "-Xcommon-sources=" + joined(common, ","));
        if (!a[1].equals("tests")) return;

        List<Path> tests = join(sources("src/commonTest/kotlin"), sources("src/jsTest/kotlin"));
        List<Path> withMain = join(klibs, List.of(klib));
        Path testKlib = klib(module + "-tests", withMain, tests, "-Xfriend-modules=" + klib);
        // no source map and no dead code, so that Node loads less
        compile(
                module + "-tests",
                PROGRAM,
                join(withMain, List.of(testKlib)),
                List.of(
                        "-Xir-produce-js",
                        "-Xir-dce",
                        "-Xpartial-linkage-loglevel=error",
                        "-Xinclude=" + testKlib,
                        "-module-kind",
                        "es",
                        "-target",
                        "es2015",
                        "-main",
                        "call"));
    }

    private static Path klib(String name, List<Path> klibs, List<Path> sources, String... more) {
        List<String> arguments = new ArrayList<>(List.of(
                "-Xir-produce-klib-file",
                "-Werror",
                "-module-kind",
                "es",
                "-Xplugin=" + onClasspath("kotlin-maven-serialization")));
        arguments.addAll(List.of(more));
        sources.forEach(source -> arguments.add(source.toString()));
        compile(name, KLIBS, klibs, arguments);
        return KLIBS.resolve(name + ".klib");
    }

    private static void compile(String name, Path folder, List<Path> klibs, List<String> more) {
        List<String> arguments = new ArrayList<>(List.of(
                "-ir-output-dir",
                folder.toString(),
                "-ir-output-name",
                name,
                "-Xir-module-name=" + name,
                "-libraries",
                joined(klibs, File.pathSeparator)));
        arguments.addAll(more);
        long start = System.nanoTime();
        ExitCode code = new K2JSCompiler().exec(System.err, arguments.toArray(new String[0]));
        if (code != ExitCode.OK) {
            System.err.println(name
                    + " does not compile for JavaScript. Code in commonMain and commonTest may only use common"
                    + " APIs, not java.*.");
            System.exit(1);
        }
        System.out.printf("%s: %.1f s%n", folder.resolve(name), (System.nanoTime() - start) / 1e9);
    }

    private static List<Path> klibs(String list) throws IOException {
        List<Path> result = new ArrayList<>();
        for (String entry : list.split(",")) {
            Path path = Path.of(entry);
            if (!Files.exists(path)) {
                throw new IOException("No klib at " + path + ". Build its module as well (mvn -am).");
            }
            try (Stream<Path> files = Files.walk(path)) {
                files.filter(file -> file.toString().endsWith(".klib")).sorted().forEach(result::add);
            }
        }
        return result;
    }

    private static List<Path> sources(String folder) throws IOException {
        if (!Files.isDirectory(Path.of(folder))) return List.of();
        try (Stream<Path> files = Files.walk(Path.of(folder))) {
            return files.filter(file -> file.toString().endsWith(".kt"))
                    .sorted()
                    .collect(Collectors.toList());
        }
    }

    private static String onClasspath(String artifact) {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(jar -> Path.of(jar).getFileName().toString().startsWith(artifact))
                .findFirst()
                .orElseThrow();
    }

    private static List<Path> join(List<Path> some, List<Path> more) {
        return Stream.concat(some.stream(), more.stream()).collect(Collectors.toList());
    }

    private static String joined(List<Path> paths, String separator) {
        return paths.stream().map(Path::toString).collect(Collectors.joining(separator));
    }
}
