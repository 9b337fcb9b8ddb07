import java.io.*;
import java.nio.file.*;
import java.util.*;
import java.util.stream.*;
import org.codehaus.mojo.animal_sniffer.*;
import org.codehaus.mojo.animal_sniffer.logging.PrintWriterLogger;

/**
 * Fails if classes call what Android lacks at the API level of a signature file.
 * usage: AndroidApiCheck <classes dir> <class path> <signature> [<glob of classes> <signature of these>]...
 */
public class AndroidApiCheck {
    public static void main(String[] a) throws Exception {
        Path root = Path.of(a[0]);
        // what dependencies bring is known, and is for them to check
        ClassListBuilder known = new ClassListBuilder(new PrintWriterLogger(System.err));
        for (String entry : a[1].split(File.pathSeparator)) if (Files.exists(Path.of(entry))) known.process(new File(entry));
        boolean isBroken = false;
        try (Stream<Path> all = Files.walk(root)) {
            List<Path> rest = new ArrayList<>(all.filter(p -> p.toString().endsWith(".class")).sorted().toList());
            for (int i = 3; i < a.length; i += 2) {
                PathMatcher newer = FileSystems.getDefault().getPathMatcher("glob:" + a[i]);
                List<Path> these = rest.stream().filter(p -> newer.matches(root.relativize(p))).toList();
                if (these.isEmpty()) throw new IllegalStateException("no class is called " + a[i]);
                isBroken |= isBroken(these, a[i + 1], known.getPackages());
                rest.removeAll(these);
            }
            if (rest.isEmpty()) throw new IllegalStateException("no classes in " + root);
            isBroken |= isBroken(rest, a[2], known.getPackages());
        }
        if (isBroken) {
            System.err.println("calls what its lowest level of Android lacks: see docs/decisions/0071");
            System.exit(1);
        }
    }

    private static boolean isBroken(List<Path> classes, String signature, Set<String> known) throws IOException {
        // D8 and R8 replace what these bootstrap
        Set<String> fine = new HashSet<>(known);
        fine.addAll(List.of("java/lang/invoke/StringConcatFactory", "java/lang/invoke/LambdaMetafactory"));
        SignatureChecker checker;
        try (InputStream in = new BufferedInputStream(Files.newInputStream(Path.of(signature)))) {
            checker = new SignatureChecker(in, fine, new PrintWriterLogger(System.err));
        }
        checker.setSourcePath(List.of());
        for (Path file : classes) checker.process(file.toFile());
        return checker.isSignatureBroken();
    }
}
