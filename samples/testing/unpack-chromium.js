/** Unpacks Chromium to the temporary folder of this process. */
import packaged from "@sparticuz/chromium";

await packaged.executablePath();
