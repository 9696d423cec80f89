//! The trace as JSON lines: one record a line, in the order they were entered.

use serde_json::{Value, json};

use crate::api::Message;
use crate::api::decode::json_writer::Json;
use crate::sim::{Kernel, Record};

use super::label::message_label;

/// Every record the trace still has, a line each; the first line counts those it has not.
pub fn trace_lines(kernel: &Kernel<Message>) -> impl Iterator<Item = String> {
    let trace = kernel.trace();
    let header = json!({ "type": "header", "seed": kernel.config().seed, "records": trace.records().len(),
        "dropped": trace.dropped(), "hash": format!("{:016x}", kernel.trace_hash()) });
    std::iter::once(header.json()).chain(trace.records().iter().map(|record| line(kernel, record).json()))
}

fn line(kernel: &Kernel<Message>, record: &Record<Message>) -> Value {
    match record {
        Record::Sent(envelope) => {
            let (kind, label) = message_label(&envelope.payload);
            let mut value = json!({
                "type": "message",
                "id": envelope.id.0,
                "cause": envelope.cause.0,
                "from": &*kernel.name_of(envelope.from),
                "to": &*kernel.name_of(envelope.to),
                "sentMicros": envelope.sent.0,
                "arrivesMicros": envelope.arrives.0,
                "kind": format!("{kind:?}"),
                "label": format!("{} {}", label.first, label.second).trim_end(),
            });
            if let Message::Request { request, .. } = &envelope.payload {
                value["method"] = json!(request.method.as_str());
                value["path"] = json!(&*request.path);
            }
            value
        }
        Record::Lost { id, at } => json!({ "type": "lost", "id": id.0, "atMicros": at.0 }),
        Record::Span(span) => json!({
            "type": "span",
            "id": span.id.0,
            "cause": span.cause.0,
            "process": &*kernel.name_of(span.process),
            "name": span.name,
            "detail": &*span.detail,
            "startMicros": span.start.0,
            "endMicros": span.end.0,
        }),
        Record::Input { id, at, text } => json!({ "type": "input", "id": id.0, "atMicros": at.0, "text": &**text }),
        Record::Fault { at, fault, lifted } => {
            json!({ "type": "fault", "atMicros": at.0, "fault": format!("{fault:?}"), "lifted": lifted })
        }
        Record::Process { at, process, running } => {
            json!({ "type": "process", "atMicros": at.0, "process": &*kernel.name_of(*process), "running": running })
        }
        Record::Frozen { at, process, frozen } => {
            json!({ "type": "process", "atMicros": at.0, "process": &*kernel.name_of(*process), "frozen": frozen })
        }
    }
}
