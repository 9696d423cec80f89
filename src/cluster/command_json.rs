//! Commands and configurations as sessions write them. By hand and by name: what serde derives for them, with what it
//! says of every type that something is not, was 25 KiB of the page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::command::{Command, FaultSpec, HttpInput, Stuff};
use super::config::Config;

/// What stands in a field.
trait Part: Sized {
    fn write(&self) -> Value;
    /// `None` where it is of another type.
    fn read(value: &Value) -> Option<Self>;
    /// What it is where it is not written; `None` where it has to be.
    fn usual() -> Option<Self> {
        None
    }
    /// Whether it goes without saying.
    fn is_usual(&self) -> bool {
        false
    }
}

fn put(fields: &mut Map<String, Value>, name: &str, part: &impl Part) {
    if !part.is_usual() {
        fields.insert(name.to_owned(), part.write());
    }
}

fn take<P: Part>(value: &Value, name: &str) -> Result<P, String> {
    match value.get(name) {
        Some(value) => P::read(value).ok_or_else(|| format!("`{name}` has another type")),
        None => P::usual().ok_or_else(|| format!("missing field `{name}`")),
    }
}

/// Reads and writes an enum as a map, the name of the variant in the field `$tag`.
macro_rules! variants {
    ($type:ident, $tag:literal: $($name:literal $variant:ident { $($field:ident $key:literal),* })*) => {
        impl Part for $type {
            fn write(&self) -> Value {
                let mut fields = Map::new();
                match self {
                    $($type::$variant { $($field),* } => {
                        fields.insert($tag.to_owned(), Value::from($name));
                        $(put(&mut fields, $key, $field);)*
                    })*
                }
                Value::Object(fields)
            }

            fn read(value: &Value) -> Option<Self> {
                $type::of_map(value).ok()
            }
        }

        impl $type {
            fn of_map(value: &Value) -> Result<Self, String> {
                if !value.is_object() {
                    return Err("it is no map".to_owned());
                }
                match take::<String>(value, $tag)?.as_str() {
                    $($name => Ok($type::$variant { $($field: take(value, $key)?),* }),)*
                    other => Err(unknown(other, &[$($name),*])),
                }
            }
        }
    };
}

fn unknown(name: &str, known: &[&str]) -> String {
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("unknown variant `{name}`, expected one of {}", known.join(", "))
}

variants! { Command, "do":
    "kubectl" Kubectl { line "line", stdin "stdin" }
    "interrupt" Interrupt { invocation "invocation" }
    "http" Http { request "request" }
    "httpCancel" HttpCancel { call "call" }
    "stopProcess" StopProcess { name "name" }
    "startProcess" StartProcess { name "name" }
    "powerOff" PowerOff { node "node" }
    "powerOn" PowerOn { node "node" }
    "killContainer" KillContainer { node "node", container_id "containerId" }
    "inject" Inject { fault "fault" }
    "lift" Lift { fault "fault" }
    "restart" Restart { name "name" }
    "freeze" Freeze { name "name" }
    "thaw" Thaw { name "name" }
    "killPod" KillPod { node "node", uid "uid", name "name" }
    "fill" Fill { node "node", what "what", percent "percent" }
    "free" Free { node "node", what "what" }
    "dropImage" DropImage { image "image" }
    "restoreImage" RestoreImage { image "image" }
    "configureScheduler" ConfigureScheduler { configuration "configuration" }
}

variants! { FaultSpec, "fault":
    "partition" Partition { between "between", and "and" }
    "delay" Delay { between "between", and "and", micros "micros" }
    "loss" Loss { between "between", and "and", ppm "ppm" }
    "reorder" Reorder { between "between", and "and", micros "micros" }
}

impl Command {
    /// As sessions write it: `{"do": "powerOff", "node": "node-a"}`.
    pub fn to_json(&self) -> Value {
        let mut value = self.write();
        // A line without input says nothing of it; any other text is said, empty or not.
        if let (Command::Kubectl { stdin, .. }, Some(fields)) = (self, value.as_object_mut())
            && stdin.is_empty()
        {
            fields.remove("stdin");
        }
        value
    }

    /// Reads what `to_json` writes.
    ///
    /// # Errors
    /// An act that nobody knows, a field that is missing or of another type.
    pub fn from_json(mut value: Value) -> Result<Command, String> {
        if value.get("do").and_then(Value::as_str) == Some("kubectl")
            && let Some(fields) = value.as_object_mut()
        {
            fields.entry("stdin").or_insert_with(|| Value::from(""));
        }
        if let Some(fault) = value.get("fault") {
            FaultSpec::of_map(fault)?;
        }
        Command::of_map(&value)
    }
}

impl Config {
    /// As sessions write it.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let Config { seed, nodes, epoch_unix_micros, trace_capacity, control_planes, scheduler, .. } = self;
        put(&mut fields, "seed", seed);
        put(&mut fields, "nodes", nodes);
        put(&mut fields, "epochUnixMicros", epoch_unix_micros);
        put(&mut fields, "traceCapacity", trace_capacity);
        put(&mut fields, "nodeCpuMillis", &self.node_cpu_millis);
        put(&mut fields, "nodeMemoryBytes", &self.node_memory_bytes);
        put(&mut fields, "nodePods", &self.node_pods);
        put(&mut fields, "controlPlanes", control_planes);
        if !scheduler.is_null() {
            fields.insert("scheduler".to_owned(), scheduler.clone());
        }
        fields
    }

    /// Reads what `to_json` writes; what is not said is as usual.
    ///
    /// # Errors
    /// A field of another type.
    pub fn from_json(value: &Value) -> Result<Config, String> {
        fn or<P: Part>(value: &Value, name: &str, usual: P) -> Result<P, String> {
            if value.get(name).is_some() { take(value, name) } else { Ok(usual) }
        }
        if !value.is_object() {
            return Err("it is no map".to_owned());
        }
        let usual = Config::default();
        Ok(Config {
            seed: or(value, "seed", usual.seed)?,
            nodes: or(value, "nodes", usual.nodes)?,
            epoch_unix_micros: or(value, "epochUnixMicros", usual.epoch_unix_micros)?,
            trace_capacity: or(value, "traceCapacity", usual.trace_capacity)?,
            node_cpu_millis: or(value, "nodeCpuMillis", usual.node_cpu_millis)?,
            node_memory_bytes: or(value, "nodeMemoryBytes", usual.node_memory_bytes)?,
            node_pods: or(value, "nodePods", usual.node_pods)?,
            control_planes: or(value, "controlPlanes", usual.control_planes)?,
            scheduler: or(value, "scheduler", usual.scheduler)?,
        })
    }
}

impl Part for String {
    fn write(&self) -> Value {
        Value::String(self.clone())
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl Part for Value {
    fn write(&self) -> Value {
        self.clone()
    }

    fn read(value: &Value) -> Option<Self> {
        Some(value.clone())
    }
}

macro_rules! numbers {
    ($($type:ident $as:ident),*) => { $(
        impl Part for $type {
            fn write(&self) -> Value {
                Value::from(*self)
            }

            fn read(value: &Value) -> Option<Self> {
                value.$as().and_then(|number| $type::try_from(number).ok())
            }
        }
    )* };
}
numbers! { u64 as_u64, u32 as_u64, usize as_u64, i64 as_i64 }

impl Part for Stuff {
    fn write(&self) -> Value {
        Value::from(self.as_str())
    }

    fn read(value: &Value) -> Option<Self> {
        [Stuff::Disk, Stuff::Memory].into_iter().find(|stuff| value.as_str() == Some(stuff.as_str()))
    }
}

/// A body as base64.
struct Body(Vec<u8>);

impl Part for Body {
    fn write(&self) -> Value {
        Value::String(STANDARD.encode(&self.0))
    }

    fn read(value: &Value) -> Option<Self> {
        STANDARD.decode(value.as_str()?).ok().map(Body)
    }

    fn usual() -> Option<Self> {
        Some(Body(Vec::new()))
    }

    fn is_usual(&self) -> bool {
        self.0.is_empty()
    }
}

struct Headers(Vec<(String, String)>);

impl Part for Headers {
    fn write(&self) -> Value {
        self.0.iter().map(|(name, value)| Value::from(vec![name.clone(), value.clone()])).collect()
    }

    fn read(value: &Value) -> Option<Self> {
        let pair = |pair: &Value| match pair.as_array()?.as_slice() {
            [name, value] => Some((name.as_str()?.to_owned(), value.as_str()?.to_owned())),
            _ => None,
        };
        value.as_array()?.iter().map(pair).collect::<Option<_>>().map(Headers)
    }

    fn usual() -> Option<Self> {
        Some(Headers(Vec::new()))
    }
}

impl Part for HttpInput {
    fn write(&self) -> Value {
        let mut fields = Map::new();
        put(&mut fields, "method", &self.method);
        put(&mut fields, "uri", &self.uri);
        put(&mut fields, "headers", &Headers(self.headers.clone()));
        put(&mut fields, "body", &Body(self.body.clone()));
        Value::Object(fields)
    }

    fn read(value: &Value) -> Option<Self> {
        Some(HttpInput {
            method: take(value, "method").ok()?,
            uri: take(value, "uri").ok()?,
            headers: take::<Headers>(value, "headers").ok()?.0,
            body: take::<Body>(value, "body").ok()?.0,
        })
    }
}
