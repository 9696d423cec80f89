//! Serves `dist/` on the loopback address.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use crate::page::Build;
use crate::{Result, page, root};

const DEFAULT_PORT: u16 = 8080;

/// `serve [--port N] [--quick] [--no-build]`.
pub fn run(options: &[&str]) -> Result {
    let mut port = None;
    let mut build = Some(Build::Optimized);
    let mut words = options.iter();
    while let Some(word) = words.next() {
        match *word {
            "--no-build" => build = None,
            "--quick" => build = Some(Build::Quick),
            "--port" => {
                let value = words.next().ok_or("--port needs a number")?;
                port = Some(value.parse().map_err(|_| format!("--port {value}: not a port"))?);
            }
            other => return Err(format!("serve does not know {other}")),
        }
    }
    if let Some(how) = build {
        page::build(how)?;
    }
    let listener = bind(port)?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    println!("Kubarium: http://{address}/");
    open(&format!("http://{address}/"));
    let folder = root().join("dist");
    for stream in listener.incoming().flatten() {
        let folder = folder.clone();
        std::thread::spawn(move || answer(stream, &folder));
    }
    Ok(())
}

/// The port asked for, or else 8080, or else whichever is free.
fn bind(port: Option<u16>) -> Result<TcpListener> {
    if let Some(port) = port {
        return TcpListener::bind(("127.0.0.1", port))
            .map_err(|error| format!("cannot listen on port {port}: {error}"));
    }
    TcpListener::bind(("127.0.0.1", DEFAULT_PORT))
        .or_else(|_| TcpListener::bind(("127.0.0.1", 0)))
        .map_err(|error| format!("cannot listen: {error}"))
}

/// Opens the page where there is a screen to open it on.
fn open(address: &str) {
    let has_screen = std::env::var_os("DISPLAY").is_some() || std::env::var_os("WAYLAND_DISPLAY").is_some();
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else if has_screen {
        "xdg-open"
    } else {
        return;
    };
    // Without an opener the printed address is enough.
    let _ = Command::new(opener).arg(address).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
}

fn answer(mut stream: TcpStream, folder: &Path) {
    let mut line = String::new();
    let mut reader = BufReader::new(&stream);
    if reader.read_line(&mut line).is_err() {
        return;
    }
    loop {
        let mut header = String::new();
        match reader.read_line(&mut header) {
            Ok(0) | Err(_) => break,
            Ok(_) if header.trim().is_empty() => break,
            Ok(_) => {}
        }
    }
    let path = line.split_whitespace().nth(1).unwrap_or("/");
    let (code, kind, body) = match file(folder, path).and_then(|path| Some((content_type(&path), fs::read(path).ok()?)))
    {
        Some((kind, body)) => ("200 OK", kind, body),
        None => ("404 Not Found", "text/plain; charset=utf-8", b"not found\n".to_vec()),
    };
    let head = format!(
        "HTTP/1.1 {code}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\ncache-control: no-cache\r\naccess-control-allow-origin: *\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // A browser that went away has nothing to be told.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

/// The file a request path names, if it lies in the folder.
fn file(folder: &Path, path: &str) -> Option<PathBuf> {
    let path = path.split(['?', '#']).next()?.trim_start_matches('/');
    let relative = Path::new(path);
    if relative.components().any(|component| !matches!(component, Component::Normal(_))) {
        return None;
    }
    let full = if path.is_empty() { folder.join("index.html") } else { folder.join(relative) };
    full.is_file().then_some(full)
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}
