import com.android.tools.r8.*;
import com.android.tools.r8.origin.Origin;
import java.io.*;
import java.net.URI;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.CompletableFuture;
import java.util.stream.*;
import java.util.zip.*;
import org.codehaus.mojo.animal_sniffer.SignatureChecker;

/**
 * Compiles an application and its dependencies to dex files, with the R8 rules in the jars and the rules that Android's
 * tools generate. Fails if a class is missing. Prints the size of live's own classes.
 * Usage: DexCheck <build dir> <android-all jar> <signature of Android's java.*> <rules> <class path>; the class path
 * begins with the application.
 */
public class DexCheck {
    public static void main(String[] a) throws Exception {
        Path build = Path.of(a[0]);
        Path java = javaOfAndroid(Path.of(a[2]), build.resolve("android/java.jar"));
        List<String> jars = new ArrayList<>();
        for (String entry : a[4].split(File.pathSeparator)) jars.add(jarOf(entry, build));
        List<String> libraries = List.of("--lib", a[1], "--lib", java.toString());
        // in parallel, because much of R8 is single-threaded
        CompletableFuture<Long> api24 =
                CompletableFuture.supplyAsync(() -> dex(build.resolve("dex-24"), libraries, a[3], 24, jars, List.of()));
        long api21 = dex(build.resolve("dex-21"), libraries, a[3], 21, jars, List.of());
        List<String> own = jars.subList(0, 1);
        List<String> live = jars.stream()
                .filter(j -> Path.of(j).getFileName().toString().startsWith("live-"))
                .collect(Collectors.toList());
        List<String> others = new ArrayList<>(jars);
        others.removeAll(own);
        long application = dex(build.resolve("dex-application"), libraries, a[3], 21, own, others);
        others.removeAll(live);
        List<String> both = new ArrayList<>(own);
        both.addAll(live);
        long withLive = dex(build.resolve("dex-live"), libraries, a[3], 21, both, others);
        String report = "application and all libraries, API 21: " + api21 + " bytes\n"
                + "application and all libraries, API 24: " + api24.join() + " bytes\n"
                + "live's own classes, as the application uses them: " + (withLive - application) + " bytes\n";
        Files.writeString(build.resolve("dex-sizes.txt"), report);
        System.out.print(report);
    }

    private static long dex(
            Path to, List<String> libraries, String rules, int api, List<String> program, List<String> others) {
        try {
            return run(to, libraries, rules, api, program, others);
        } catch (IOException | CompilationFailedException e) {
            throw new IllegalStateException("R8 failed for API " + api, e);
        }
    }

    private static long run(
            Path to, List<String> libraries, String rules, int api, List<String> program, List<String> others)
            throws IOException, CompilationFailedException {
        Files.createDirectories(to);
        List<String> args = new ArrayList<>(List.of(
                "--release",
                "--no-data-resources",
                "--min-api",
                "" + api,
                "--pg-conf",
                rules,
                "--output",
                to.toString()));
        args.addAll(libraries);
        for (String jar : others) args.addAll(List.of("--classpath", jar));
        args.addAll(program);
        R8.run(R8Command.parse(args.toArray(new String[0]), Origin.unknown()).build());
        try (Stream<Path> files = Files.list(to)) {
            return files.filter(f -> f.toString().endsWith(".dex"))
                    .mapToLong(f -> f.toFile().length())
                    .sum();
        }
    }

    /**
     * java.base of the JDK, and only Android's classes of its other modules. Otherwise java.lang.management would not
     * be missing.
     */
    private static Path javaOfAndroid(Path signature, Path jar) throws Exception {
        Set<String> known;
        try (InputStream in = new BufferedInputStream(Files.newInputStream(signature))) {
            known = SignatureChecker.loadClasses(in).keySet();
        }
        FileSystem jrt = FileSystems.getFileSystem(URI.create("jrt:/"));
        try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(jar));
                Stream<Path> all = Files.walk(jrt.getPath("/modules"))) {
            for (Path file : (Iterable<Path>)
                    all.filter(p -> p.toString().endsWith(".class") && p.getNameCount() > 2)::iterator) {
                String name = file.subpath(2, file.getNameCount()).toString();
                boolean isBase = file.getName(1).toString().equals("java.base");
                if (!isBase && !known.contains(name.split("[.$]")[0])) continue;
                if (name.equals("module-info.class")) continue;
                out.putNextEntry(new ZipEntry(name));
                out.write(Files.readAllBytes(file));
            }
        }
        return jar;
    }

    /** A module that is not packaged yet is a folder, which R8 does not read. This method packs it as a jar. */
    private static String jarOf(String entry, Path build) throws Exception {
        Path folder = Path.of(entry);
        if (!Files.isDirectory(folder)) return entry;
        Path jar = build.resolve("android/" + folder.getParent().getParent().getFileName() + ".jar");
        try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(jar));
                Stream<Path> all = Files.walk(folder)) {
            for (Path file : (Iterable<Path>) all.filter(Files::isRegularFile)::iterator) {
                out.putNextEntry(new ZipEntry(folder.relativize(file).toString()));
                out.write(Files.readAllBytes(file));
            }
        }
        return jar.toString();
    }
}
