//! Prints the reference from the descriptor set with its comments.

use std::{collections::HashMap, fmt::Write as _};

use gauntlet_api::DOCUMENTED_DESCRIPTOR_SET;
use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, FileDescriptor, Kind,
    MessageDescriptor, MethodDescriptor, ReflectMessage as _, ServiceDescriptor, Value,
};

const PACKAGE: &str = "gauntlet.v1";

const INTRODUCTION: &str = "# API reference

Package `gauntlet.v1`, printed from `proto/gauntlet/v1` by a test. One port speaks gRPC, gRPC-Web and Connect (JSON and protobuf); methods marked GET can be called with HTTP GET too. Field names in JSON are the lowerCamelCase of those below; both are taken.

What holds everywhere:

- **Errors** carry google.rpc details. INVALID_ARGUMENT names every field that breaks a rule, by its path; unknown JSON fields too. NOT_FOUND names the resource. FAILED_PRECONDITION names the state that forbids. ABORTED is a lost race: read again and repeat. ALREADY_EXISTS is a name or a request id taken by something else. UNAVAILABLE: the store, the target or the control plane is away.
- **Lists** are keyset pages: `page_size` up to 1000, a `page_token` is good only for the query that gave it, and every page costs the same.
- **Watches** send a snapshot, then `snapshot_done`, then changes, each with a revision. `resume_from_revision` goes on without gap or repeat, or `resync` says that a new snapshot follows. A quiet stream sends a heartbeat every ten seconds. A slow reader gets the newest state of each thing and delays nobody. A watch on a run ends with OK after its terminal state.
- **Creating** calls take a `request_id`: repeated with the same content within a day it returns the first result. Updates take an `etag`.
- **Times** are microseconds since the Unix epoch, UTC, in fields that end in `_us`; durations in such fields are microseconds.
";

/// The whole document.
pub fn reference() -> String {
    let pool = pool();
    let mut out = INTRODUCTION.to_owned();
    let files: Vec<FileDescriptor> = ours(&pool).collect();
    for file in &files {
        for service in file.services() {
            print_service(&mut out, &service);
        }
    }
    for file in &files {
        if file.messages().len() + file.enums().len() == 0 {
            continue;
        }
        let name = file.name().rsplit('/').next().unwrap_or_default();
        let _ = write!(out, "\n## Messages of {name}\n");
        for message in file.messages() {
            print_message(&mut out, &message);
        }
        for values in file.enums() {
            print_enum(&mut out, &values);
        }
    }
    out
}

/// Everything without a comment.
pub fn unexplained() -> Vec<String> {
    let pool = pool();
    let mut missing = Vec::new();
    let mut look = |name: &str, comment: String| {
        if comment.is_empty() {
            missing.push(name.to_owned());
        }
    };
    for file in ours(&pool) {
        let comments = Comments::of(&file);
        for message in file.messages() {
            look(message.full_name(), comments.at(message.path()));
            for field in message.fields() {
                look(field.full_name(), comments.at(field.path()));
            }
        }
        for values in file.enums() {
            look(values.full_name(), comments.at(values.path()));
            for value in values.values() {
                look(value.full_name(), comments.at(value.path()));
            }
        }
        for service in file.services() {
            look(service.full_name(), comments.at(service.path()));
            for method in service.methods() {
                look(method.full_name(), comments.at(method.path()));
            }
        }
    }
    missing
}

fn pool() -> DescriptorPool {
    DescriptorPool::decode(DOCUMENTED_DESCRIPTOR_SET).expect("the set was made by the build")
}

fn ours(pool: &DescriptorPool) -> impl Iterator<Item = FileDescriptor> + '_ {
    let mut files: Vec<_> = pool
        .files()
        .filter(|file| file.package_name() == PACKAGE)
        .collect();
    files.sort_by_key(|file| file.name().to_owned());
    files.into_iter()
}

/// The comments of a file, by the path of what they stand at.
struct Comments(HashMap<Vec<i32>, String>);

impl Comments {
    fn of(file: &FileDescriptor) -> Self {
        let proto = file.file_descriptor_proto();
        let locations = proto
            .source_code_info
            .iter()
            .flat_map(|info| &info.location);
        Self(
            locations
                .filter_map(|at| Some((at.path.clone(), at.leading_comments.clone()?)))
                .map(|(path, text)| (path, one_line(&text)))
                .collect(),
        )
    }

    fn at(&self, path: &[i32]) -> String {
        self.0.get(path).cloned().unwrap_or_default()
    }
}

/// A comment as one line, without the directives of buf.
fn one_line(text: &str) -> String {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("buf:"));
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn print_service(out: &mut String, service: &ServiceDescriptor) {
    let comments = Comments::of(&service.parent_file());
    let _ = write!(
        out,
        "\n## {}\n\n{}\n\n| method | request | answer | |\n|---|---|---|---|\n",
        service.name(),
        comments.at(service.path())
    );
    for method in service.methods() {
        let _ = writeln!(
            out,
            "| **{}**{} | {} | {} | {} |",
            method.name(),
            if is_read(&method) { " GET" } else { "" },
            side(&method.input(), method.is_client_streaming()),
            side(&method.output(), method.is_server_streaming()),
            comments.at(method.path()),
        );
    }
}

fn is_read(method: &MethodDescriptor) -> bool {
    let options = method.options();
    let level = options.get_field_by_name("idempotency_level");
    matches!(level.as_deref(), Some(Value::EnumNumber(1)))
}

fn side(message: &MessageDescriptor, stream: bool) -> String {
    let link = link(message.name());
    if stream {
        format!("stream of {link}")
    } else {
        link
    }
}

fn link(name: &str) -> String {
    format!("[{name}](#{})", name.to_ascii_lowercase())
}

fn print_message(out: &mut String, message: &MessageDescriptor) {
    let comments = Comments::of(&message.parent_file());
    let _ = write!(
        out,
        "\n### {}\n\n{}\n",
        message.name(),
        comments.at(message.path())
    );
    if message.fields().len() == 0 {
        return;
    }
    out.push_str("\n| field | type | rules | |\n|---|---|---|---|\n");
    for field in message.fields() {
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} |",
            field.name(),
            kind(&field),
            rules(&field),
            cell(&comments.at(field.path())),
        );
    }
}

fn print_enum(out: &mut String, values: &EnumDescriptor) {
    let comments = Comments::of(&values.parent_file());
    let _ = write!(
        out,
        "\n### {}\n\n{}\n\n| value | number | |\n|---|---|---|\n",
        values.name(),
        comments.at(values.path())
    );
    for value in values.values() {
        let _ = writeln!(
            out,
            "| `{}` | {} | {} |",
            value.name(),
            value.number(),
            cell(&comments.at(value.path()))
        );
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn kind(field: &FieldDescriptor) -> String {
    if field.is_map() {
        return "map of string to string".to_owned();
    }
    let one = match field.kind() {
        Kind::Message(message) if message.package_name() == PACKAGE => link(message.name()),
        Kind::Message(message) => message.name().to_owned(),
        Kind::Enum(values) => link(values.name()),
        other => format!("{other:?}").to_ascii_lowercase(),
    };
    let group = field
        .containing_oneof()
        .filter(|group| !group.is_synthetic());
    match group {
        Some(group) => format!("{one}, one of `{}`", group.name()),
        None if field.is_list() => format!("list of {one}"),
        None if field.field_descriptor_proto().proto3_optional() => format!("{one}, may be absent"),
        None => one,
    }
}

/// A field's rules in words.
fn rules(field: &FieldDescriptor) -> String {
    let options = field.options();
    let pool = options.descriptor().parent_pool().clone();
    let Some(extension) = pool.get_extension_by_name("buf.validate.field") else {
        return String::new();
    };
    if !options.has_extension(&extension) {
        return String::new();
    }
    let value = options.get_extension(&extension);
    let mut words = Vec::new();
    if let Some(rules) = value.as_message() {
        collect(rules, "", &mut words);
    }
    words.join("; ")
}

fn collect(rules: &DynamicMessage, around: &str, words: &mut Vec<String>) {
    for (field, value) in rules.fields() {
        let name = field.name();
        match value {
            Value::Message(inner) if matches!(name, "gt" | "gte" | "lt" | "lte") => {
                words.push(word(name, &seconds(inner)));
            }
            Value::Message(inner) => {
                let around = match name {
                    "items" => "each ",
                    "keys" => "keys: ",
                    "values" => "values: ",
                    _ => around,
                };
                collect(inner, around, words);
            }
            value => words.push(format!("{around}{}", word(name, &plain(value)))),
        }
    }
}

fn seconds(duration: &DynamicMessage) -> String {
    let seconds = duration.get_field_by_name("seconds");
    let seconds = seconds.and_then(|seconds| seconds.as_i64()).unwrap_or(0);
    format!("{seconds} s")
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::U64(number) => number.to_string(),
        Value::U32(number) => number.to_string(),
        Value::I64(number) => number.to_string(),
        Value::I32(number) => number.to_string(),
        Value::F64(number) => number.to_string(),
        other => other.to_string(),
    }
}

fn word(rule: &str, value: &str) -> String {
    match rule {
        "required" => "required".to_owned(),
        "ignore" => "may be left out".to_owned(),
        "uuid" => "a UUID".to_owned(),
        "pattern" if value.contains('/') => "one to three names joined by `/`".to_owned(),
        "pattern" => "a name: `a-z`, `0-9` and `-`, 1 to 63".to_owned(),
        "min_bytes" | "min_len" if value == "1" => "not empty".to_owned(),
        "max_bytes" => format!("at most {value} bytes"),
        "max_len" => format!("at most {value} characters"),
        "gte" => format!("at least {value}"),
        "gt" => format!("greater than {value}"),
        "lte" => format!("at most {value}"),
        "lt" => format!("less than {value}"),
        "defined_only" => "one of its values".to_owned(),
        "not_in" => "not UNSPECIFIED".to_owned(),
        "min_items" => format!("at least {value} entries"),
        "max_items" => format!("at most {value} entries"),
        "unique" => "none twice".to_owned(),
        "max_pairs" => format!("at most {value} pairs"),
        _ => format!("{rule} {value}"),
    }
}
