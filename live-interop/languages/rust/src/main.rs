//! The Rust encoders in Debian. Encoder.kt describes the commands.
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_json::value::RawValue;
use std::io::{self, BufRead};

/// Every field, like a simple application type: `None` is encoded as null.
#[derive(Serialize, Deserialize, Default)]
struct Full<B, D> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    topic: String,
    #[serde(rename = "ref", default)]
    reference: String,
    body: Option<B>,
    data: Option<D>,
    offset: Option<u64>,
}

/// The same fields, without absent ones.
#[derive(Serialize)]
struct Short<B: Serialize, D: Serialize> {
    #[serde(rename = "type")]
    kind: String,
    topic: String,
    #[serde(rename = "ref")]
    reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<B>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<D>,
}

type Binary = Full<ByteBuf, String>;
type Json = Full<String, Box<RawValue>>;
type Answer = Result<String, Box<dyn std::error::Error>>;

/// library, crate, codec, setting, expected error
const ENTRIES: [[&str; 5]; 8] = [
    ["serde_json, body as base64", "serde_json", "json", "", ""],
    ["serde_json, body as `Vec<u8>`", "serde_json", "json", "", "base64"],
    ["serde_cbor", "serde_cbor", "cbor", "serde_bytes", ""],
    ["serde_cbor, body as `Vec<u8>`", "serde_cbor", "cbor", "", "byte string"],
    ["serde_cbor, `self_describe`", "serde_cbor", "cbor", "serde_bytes", ""],
    ["rmp-serde, `to_vec_named`", "rmp-serde", "msgpack", "serde_bytes", ""],
    ["rmp-serde, `to_vec`", "rmp-serde", "msgpack", "", "map"],
    ["rmp-serde, `to_vec_named`, body as `Vec<u8>`", "rmp-serde", "msgpack", "", "bin"],
];

fn encode<T: Serialize>(entry: usize, message: &T) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    Ok(match entry {
        0 | 1 => serde_json::to_vec(message)?,
        2 | 3 => serde_cbor::to_vec(message)?,
        4 => {
            let mut out = Vec::new();
            let mut serializer = serde_cbor::Serializer::new(&mut out);
            serializer.self_describe()?;
            message.serialize(&mut serializer)?;
            out
        }
        6 => rmp_serde::to_vec(message)?,
        _ => rmp_serde::to_vec_named(message)?,
    })
}

/// Encodes the message with the entry's body type, with or without absent fields.
fn write(entry: usize, text: [String; 3], body: Option<Vec<u8>>, data: Option<String>, short: bool) -> Answer {
    let [kind, topic, reference] = text;
    macro_rules! written {
        ($body:expr, $data:expr) => {
            if short {
                encode(entry, &Short { kind, topic, reference, body: $body, data: $data })?
            } else {
                encode(entry, &Full { kind, topic, reference, body: $body, data: $data, offset: None })?
            }
        };
    }
    let json = || data.clone().map(RawValue::from_string).transpose();
    Ok(enhex(Some(&match entry {
        0 => written!(body.as_deref().map(base64), json()?),
        1 => written!(body, json()?),
        3 | 6 | 7 => written!(body, data),
        _ => written!(body.map(ByteBuf::from), data),
    })))
}

fn read(entry: usize, frame: &[u8]) -> Result<Binary, Box<dyn std::error::Error>> {
    Ok(match entry {
        0 | 1 => {
            let json: Json = serde_json::from_slice(frame)?;
            Full {
                kind: json.kind,
                topic: json.topic,
                reference: json.reference,
                body: json.body.map(|text| ByteBuf::from(unbase64(&text))),
                data: json.data.map(|data| data.get().to_string()),
                offset: json.offset,
            }
        }
        2..=4 => serde_cbor::from_slice(frame)?,
        _ => rmp_serde::from_slice(frame)?,
    })
}

fn answer(entry: usize, command: &str, fields: &[&str]) -> Answer {
    let text = |at: usize| String::from_utf8(unhex(fields[at]).unwrap_or_default());
    match command {
        "write" => {
            let data = unhex(fields[4]).map(String::from_utf8).transpose()?;
            write(entry, [text(0)?, text(1)?, text(2)?], unhex(fields[3]), data, fields[5] == "0")
        }
        "since" => {
            let ack = read(entry, &unhex(fields[2]).unwrap_or_default())?;
            let data: serde_json::Value = serde_json::from_str(&ack.data.unwrap_or_default())?;
            let since = serde_json::json!({"since": {"epoch": data["epoch"], "offset": data["offset"]}});
            write(entry, ["subscribe".into(), text(0)?, text(1)?], None, Some(since.to_string()), true)
        }
        _ => {
            let message = read(entry, &unhex(fields[0]).unwrap_or_default())?;
            let texts = [&message.kind, &message.topic, &message.reference].map(|text| enhex(Some(text.as_bytes())));
            let body = enhex(message.body.as_ref().map(|body| body.as_slice()));
            let data = enhex(message.data.as_ref().map(|data| data.as_bytes()));
            let offset = message.offset.map_or("-".into(), |offset| offset.to_string());
            Ok(format!("{} {body} {data} {offset}", texts.join(" ")))
        }
    }
}

fn unhex(field: &str) -> Option<Vec<u8>> {
    let hex = field.trim_start_matches('.');
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (field != "-").then(|| (0..hex.len()).step_by(2).map(byte).collect())
}

fn enhex(value: Option<&[u8]>) -> String {
    match value {
        None => "-".into(),
        Some([]) => ".".into(),
        Some(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let n = chunk.iter().enumerate().fold(0u32, |n, (i, &byte)| n | u32::from(byte) << (16 - 8 * i));
        for i in 0..4 {
            out.push(if i <= chunk.len() { ALPHABET[(n >> (18 - 6 * i) & 63) as usize] as char } else { '=' });
        }
    }
    out
}

fn unbase64(text: &str) -> Vec<u8> {
    let (mut out, mut n, mut bits) = (Vec::new(), 0u32, 0);
    for letter in text.bytes().filter(|&letter| letter != b'=') {
        n = n << 6 | ALPHABET.iter().position(|&known| known == letter).expect("base64") as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((n >> bits) as u8);
        }
    }
    out
}

/// The version of the crate in Debian.
fn version(name: &str) -> String {
    let folders = std::fs::read_dir("/usr/share/cargo/registry").into_iter().flatten().flatten();
    let mut names = folders.filter_map(|folder| folder.file_name().into_string().ok());
    let found = names.find_map(|folder| folder.strip_prefix(&format!("{name}-")).map(str::to_string));
    found.unwrap_or_default()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments[1] == "list" {
        for [library, name, codec, setting, expected] in ENTRIES {
            println!("{library}|{}|{codec}|{setting}|{expected}", version(name));
        }
        return;
    }
    let entry = arguments[2].parse().expect("a number");
    for line in io::stdin().lock().lines() {
        let line = line.expect("a line");
        let fields: Vec<&str> = line.split_whitespace().collect();
        let answer = answer(entry, fields[0], &fields[1..]);
        println!("{}", answer.unwrap_or_else(|e| format!("! {}", e.to_string().replace('\n', " "))));
    }
}
