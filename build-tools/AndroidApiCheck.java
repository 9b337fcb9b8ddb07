import java.io.*;
import java.nio.file.*;
import java.util.*;
import java.util.stream.*;
import org.codehaus.mojo.animal_sniffer.*;
import org.codehaus.mojo.animal_sniffer.logging.PrintWriterLogger;

/**
 * Fails if classes call an API that Android does not have at the API level of a signature file.
 * Usage: AndroidApiCheck <classes dir> <class path> <signature> [<glob of classes> <signature of these>]...
 */
public class AndroidApiCheck {
    public static void main(String[] a) throws Exception {
        Path root = Path.of(a[0]);
        // classes of dependencies are not checked here
        ClassListBuilder known = new ClassListBuilder(new PrintWriterLogger(System.err));
        for (String entry : a[1].split(File.pathSeparator)) {
            if (Files.exists(Path.of(entry))) known.process(new File(entry));
        }
        boolean isBroken = false;
        try (Stream<Path> all = Files.walk(root)) {
            List<Path> rest = new ArrayList<>(
                    all.filter(p -> p.toString().endsWith(".class")).sorted().toList());
            for (int i = 3; i < a.length; i += 2) {
                PathMatcher newer = FileSystems.getDefault().getPathMatcher("glob:" + a[i]);
                List<Path> selected = rest.stream()
                        .filter(p -> newer.matches(root.relativize(p)))
                        .toList();
                if (selected.isEmpty()) throw new IllegalStateException("No class matches " + a[i]);
                isBroken |= isBroken(selected, a[i + 1], known.getPackages());
                rest.removeAll(selected);
            }
            if (rest.isEmpty()) throw new IllegalStateException("No classes in " + root);
            isBroken |= isBroken(rest, a[2], known.getPackages());
        }
        if (isBroken) {
            System.err.println("The module calls an API that its lowest Android level does not have. See"
                    + " docs/decisions/0071-android-without-the-sdk.md.");
            System.exit(1);
        }
    }

    private static boolean isBroken(List<Path> classes, String signature, Set<String> known) throws IOException {
        // D8 and R8 replace the code that these classes bootstrap
        Set<String> allowed = new HashSet<>(known);
        allowed.addAll(List.of("java/lang/invoke/StringConcatFactory", "java/lang/invoke/LambdaMetafactory"));
        SignatureChecker checker;
        try (InputStream in = new BufferedInputStream(Files.newInputStream(Path.of(signature)))) {
            checker = new SignatureChecker(in, allowed, new PrintWriterLogger(System.err));
        }
        checker.setSourcePath(List.of());
        for (Path file : classes) checker.process(file.toFile());
        return checker.isSignatureBroken();
    }
}
