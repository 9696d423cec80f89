//! How objects are printed: `-o` and what follows it.
//!
//! Mirrors k8s.io/cli-runtime/pkg/genericclioptions (`PrintFlags`) and its printers.

pub mod columns;
pub mod jsonpath;
pub mod sorting;
pub mod table;
pub mod tabwriter;

use std::sync::Arc;

use serde_json::Value;

use crate::api::decode::{json_writer, yaml_writer};

use super::builder::{Info, text_at};
use super::errors::{Stop, fail};
use super::flags::{Args, Flag, Takes, flag, short};
use super::io::Io;

/// Flags of verbs that print objects.
pub const PRINT_FLAGS: &[Flag] = &[
    short("output", 'o', Takes::Text, "Output format."),
    flag(
        "show-managed-fields",
        Takes::Bool,
        "If true, keep the managedFields when printing objects in JSON or YAML format.",
    ),
    flag("template", Takes::Text, "Template string or path to template file to use when -o=go-template."),
    flag(
        "allow-missing-template-keys",
        Takes::Bool,
        "If true, ignore any errors in templates when a field is missing.",
    ),
];

/// A format of output.
#[derive(Clone, Debug)]
pub enum Output {
    /// None was asked for: a table, or a message.
    Default,
    Wide,
    Yaml,
    Json,
    Name,
    JsonPath(jsonpath::Template, String),
    /// Each value a JSON list of what the template finds.
    JsonPathAsJson(jsonpath::Template),
    Columns(columns::Columns),
}

/// Formats every printing verb has.
const ALLOWED: &str =
    "go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,template,templatefile,yaml";
/// Formats `get` has.
const ALLOWED_GET: &str = "custom-columns,custom-columns-file,go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,template,templatefile,wide,yaml";

impl Output {
    /// The format the command line asks for. `tables`: whether the verb prints tables.
    ///
    /// # Errors
    /// `unable to match a printer suitable for the output format …`.
    pub fn of(args: &Args, tables: bool) -> Result<Output, Stop> {
        match args.text_or_empty("output") {
            "" => Ok(Output::Default),
            "wide" if tables => Ok(Output::Wide),
            "yaml" => Ok(Output::Yaml),
            "json" => Ok(Output::Json),
            "name" => Ok(Output::Name),
            other => match other.split_once('=') {
                Some((format @ ("jsonpath" | "jsonpath-as-json"), template)) => match jsonpath::parse(template) {
                    Ok(parsed) if format == "jsonpath" => Ok(Output::JsonPath(parsed, template.to_owned())),
                    Ok(parsed) => Ok(Output::JsonPathAsJson(parsed)),
                    Err(error) => fail(format!("error parsing jsonpath {template}, {error}")),
                },
                Some(("custom-columns", spec)) if tables => match columns::parse(spec) {
                    Ok(columns) => Ok(Output::Columns(columns)),
                    Err(error) => fail(error),
                },
                _ if other == "jsonpath" => fail("template format specified but no template given"),
                _ if other == "custom-columns" && tables => {
                    fail("custom-columns format specified but no custom columns given")
                }
                _ => {
                    let allowed = if tables { ALLOWED_GET } else { ALLOWED };
                    fail(format!(
                        "unable to match a printer suitable for the output format \"{other}\", allowed formats are: {allowed}"
                    ))
                }
            },
        }
    }

    /// Whether a table or message is printed.
    pub fn is_default(&self) -> bool {
        matches!(self, Output::Default | Output::Wide)
    }
}

/// Prints what became of an object: `deployment.apps/web created`, or the object itself in the format asked for.
///
/// # Errors
/// Those of templates.
pub fn print_result(io: &mut Io<'_, '_>, args: &Args, info: &Info, value: &Value, operation: &str) -> Result<(), Stop> {
    let suffix = match args.text("dry-run") {
        Some("client" | "unchanged" | "true") => " (dry run)",
        Some("server") => " (server dry run)",
        _ => "",
    };
    print_operation(io, args, info, value, &format!("{operation}{suffix}"))
}

/// [`print_result`] that says nothing of a dry run.
///
/// # Errors
/// A format there is not.
pub fn print_operation(
    io: &mut Io<'_, '_>,
    args: &Args,
    info: &Info,
    value: &Value,
    operation: &str,
) -> Result<(), Stop> {
    match Output::of(args, false)? {
        Output::Default | Output::Wide => io.out(format!("{} {operation}\n", info.label())),
        Output::Name => io.out(format!("{}\n", info.label())),
        other => print_objects(io, args, &other, &Arc::new(value.clone()))?,
    }
    Ok(())
}

/// Prints an object or a list in the format asked for.
///
/// # Errors
/// Those of templates.
pub fn print_objects(io: &mut Io<'_, '_>, args: &Args, output: &Output, value: &Arc<Value>) -> Result<(), Stop> {
    let managed_fields = args.is("show-managed-fields");
    match output {
        Output::Name => {
            let names: String = match value["items"].as_array() {
                Some(items) => items.iter().map(|item| name_of(item) + "\n").collect(),
                None => name_of(value) + "\n",
            };
            io.out(names);
        }
        Output::JsonPath(template, text) => match template.print(value) {
            Ok(text) => io.out(text),
            Err(error) => {
                return fail(format!("error executing jsonpath \"{text}\": Error executing template: {error}"));
            }
        },
        Output::JsonPathAsJson(template) => {
            let found: Vec<&Value> = template.find_all(value).unwrap_or_default();
            let list = Value::Array(found.into_iter().cloned().collect());
            io.out(json_writer::indented(&list));
        }
        Output::Columns(columns) => io.out(columns.print(value, !args.is("no-headers"))),
        _ => io.out(text(output, value, managed_fields)),
    }
    Ok(())
}

/// An object as text.
pub fn text(output: &Output, value: &Value, managed_fields: bool) -> String {
    let mut value = value.clone();
    if !managed_fields {
        drop_managed_fields(&mut value);
    }
    match output {
        Output::Json => json_writer::indented(&value),
        _ => yaml_writer::write(&value),
    }
}

fn drop_managed_fields(value: &mut Value) {
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    for item in value.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
        drop_managed_fields(item);
    }
}

/// `deployment.apps/web` of an object that is not mapped.
pub fn name_of(value: &Value) -> String {
    let kind = text_at(value, "/kind").to_lowercase();
    let name = text_at(value, "/metadata/name");
    match text_at(value, "/apiVersion").split_once('/') {
        Some((group, _)) => format!("{kind}.{group}/{name}"),
        None => format!("{kind}/{name}"),
    }
}
