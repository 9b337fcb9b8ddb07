/**
 * The proxies of docs/proxies.md, and how to start each with its configuration block.
 *
 * - `packages`: Debian package names
 * - `tls`: whether the block serves HTTPS
 * - `files(block, folder, ports)`: the files to write, by name
 * - `command(folder)`: starts it in the foreground
 * - `reload`: a signal or a command that reloads the configuration
 * - `kept`: whether sessions survive a reload
 * - `extendedConnect`: whether it supports WebSocket over HTTP/2 (RFC 8441); only with TLS
 */
import { join } from "node:path";

export const PROXIES = {
  nginx: {
    packages: ["nginx"],
    tls: true,
    extendedConnect: false,
    files: (block, folder) => ({
      "nginx.conf": `
        daemon off;
        pid ${folder}/nginx.pid;
        error_log stderr warn;
        events {}
        http {
          access_log off;
          ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`).join("\n")}
          include ${folder}/live.conf;
        }`,
      "live.conf": block,
    }),
    command: (folder) => ["nginx", "-e", "stderr", "-p", folder, "-c", join(folder, "nginx.conf")],
    reload: "SIGHUP",
    kept: true,
  },
  apache: {
    packages: ["apache2"],
    tls: true,
    extendedConnect: false,
    files: (block, folder, { tls }) => ({
      "apache.conf": `
        ServerRoot ${folder}
        PidFile ${folder}/apache.pid
        Mutex file:${folder} default
        ErrorLog ${folder}/error.log
        ServerName localhost
        Listen ${tls}
        ${["mpm_event", "authz_core", "ssl", "socache_shmcb", "http2", "proxy", "proxy_http", "headers"]
          .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
          .join("\n")}
        ${block}`,
    }),
    command: (folder) => ["apache2", "-DFOREGROUND", "-f", join(folder, "apache.conf")],
    reload: "SIGUSR1",
    kept: true,
  },
  haproxy: {
    packages: ["haproxy"],
    tls: true,
    extendedConnect: true,
    files: (block, folder) => ({
      "haproxy.cfg": `
global
    log stderr format raw local0 warning
defaults
    mode http
    timeout connect 5s
    timeout client 75s
    timeout server 75s
${block}
`,
    }),
    command: (folder) => ["haproxy", "-W", "-f", join(folder, "haproxy.cfg")],
    reload: "SIGUSR2",
    kept: true,
  },
  caddy: {
    packages: ["caddy"],
    tls: true,
    extendedConnect: false,
    files: (block, folder, { admin }) => ({
      Caddyfile: `{\n  admin localhost:${admin}\n  auto_https disable_redirects\n  storage file_system ${folder}/storage\n}\n${block}`,
    }),
    command: (folder) => ["caddy", "run", "--adapter", "caddyfile", "--config", join(folder, "Caddyfile")],
    reload: (folder, { admin }) => [
      "caddy",
      "reload",
      "--force",
      "--address",
      `localhost:${admin}`,
      "--adapter",
      "caddyfile",
      "--config",
      join(folder, "Caddyfile"),
    ],
    kept: false,
  },
  varnish: {
    packages: ["varnish"],
    tls: false,
    files: (block) => ({ "live.vcl": block }),
    command: (folder, { http, admin }) => [
      "varnishd",
      "-F",
      "-n",
      join(folder, "work"),
      "-f",
      join(folder, "live.vcl"),
      "-a",
      `127.0.0.1:${http}`,
      "-T",
      `127.0.0.1:${admin}`,
      "-j",
      "none",
    ],
    reload: (folder) => [
      "sh",
      "-c",
      `varnishadm -n ${folder}/work vcl.load again ${folder}/live.vcl && varnishadm -n ${folder}/work vcl.use again`,
    ],
    kept: true,
  },
  lighttpd: {
    packages: ["lighttpd", "lighttpd-mod-openssl"],
    tls: true,
    extendedConnect: true,
    files: (block, folder) => ({
      "lighttpd.conf": `server.document-root = "${folder}"\nserver.errorlog = "${folder}/error.log"\nserver.port = 0\n${block}`,
    }),
    command: (folder) => ["lighttpd", "-D", "-f", join(folder, "lighttpd.conf")],
    reload: "SIGUSR1",
    kept: true,
  },
};
