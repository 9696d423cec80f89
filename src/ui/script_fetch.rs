//! `kubarium.fetch`: a `Response` from the API server of this tab.

use std::time::Duration;

use bytes::Bytes;
use js_sys::{Array, Object, Reflect, Uint8Array};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Headers, ReadableStream, ReadableStreamDefaultController, Response, ResponseInit};

use crate::api::Request;
use crate::apiserver::edge;
use crate::cluster::{Command, GatewayEvent, HttpInput};

use super::driver::Driver;
use super::script_api::run_until;

/// A request that is not answered within this much simulated time fails.
const LIMIT: Duration = Duration::from_secs(120);
/// How often a stream looks for more, in milliseconds of wall time.
const POLL_MS: u32 = 50;

fn property(object: &JsValue, name: &str) -> Option<JsValue> {
    if !object.is_object() {
        return None;
    }
    Reflect::get(object, &JsValue::from_str(name)).ok().filter(|value| !value.is_undefined() && !value.is_null())
}

fn failed(text: &str) -> JsValue {
    js_sys::TypeError::new(text).into()
}

/// The request as the simulation takes it.
fn input(path: String, init: &JsValue) -> Result<HttpInput, JsValue> {
    let method = property(init, "method").and_then(|method| method.as_string()).unwrap_or_else(|| "GET".to_owned());
    let mut headers = Vec::new();
    if let Some(given) = property(init, "headers") {
        // Whatever `fetch` takes as headers, `Headers` takes.
        let given: Headers = match given.dyn_into::<Headers>() {
            Ok(headers) => headers,
            Err(other) => js_headers(&other)?,
        };
        for pair in js_sys::try_iter(&given)?.into_iter().flatten() {
            let pair: Array = pair?.unchecked_into();
            headers.push((pair.get(0).as_string().unwrap_or_default(), pair.get(1).as_string().unwrap_or_default()));
        }
    }
    let body = match property(init, "body") {
        None => Vec::new(),
        Some(body) => match body.as_string() {
            Some(text) => text.into_bytes(),
            None => Uint8Array::new(&body).to_vec(),
        },
    };
    Ok(HttpInput { method: method.to_uppercase(), uri: path, headers, body })
}

fn js_headers(value: &JsValue) -> Result<Headers, JsValue> {
    let headers = Headers::new()?;
    for name in Object::keys(value.unchecked_ref::<Object>()).iter() {
        let text = Reflect::get(value, &name)?.as_string().unwrap_or_default();
        headers.append(&name.as_string().unwrap_or_default(), &text)?;
    }
    Ok(headers)
}

/// The request as the API server reads it, for writing its answer.
fn typed(input: &HttpInput) -> Result<Request, http::Response<Bytes>> {
    let mut builder = http::Request::builder().method(input.method.as_str()).uri(&input.uri);
    for (name, value) in &input.headers {
        builder = builder.header(name, value);
    }
    let bad = |text: String| {
        let mut response = http::Response::new(Bytes::from(text));
        *response.status_mut() = http::StatusCode::BAD_REQUEST;
        response
    };
    let request = builder.body(Bytes::from(input.body.clone())).map_err(|error| bad(error.to_string()))?;
    edge::read_request(request).map_err(|status| edge::status_response(status, ""))
}

/// Fetches.
pub async fn fetch(driver: Driver, path: String, init: JsValue) -> Result<JsValue, JsValue> {
    let input = input(path, &init)?;
    let request = match typed(&input) {
        Ok(request) => request,
        Err(refused) => return whole(&refused),
    };
    let applied = driver.apply(Command::Http { request: input });
    let call = applied.call.ok_or_else(|| failed("the request was not sent"))?;
    let limit = driver.now() + LIMIT;
    run_until(&driver, limit, move |engine| {
        engine.collect();
        engine.gateway.get(&call).is_some_and(|events| !events.is_empty())
    })
    .await;
    let first = driver.with(|engine| {
        engine.gateway.get_mut(&call).filter(|events| !events.is_empty()).map(|events| events.remove(0))
    });
    match first {
        Some(GatewayEvent::Response(response)) if edge::streams(&request) && response.is_success() => {
            stream(&driver, call, &edge::stream_head(&request, &response, ""))
        }
        Some(GatewayEvent::Response(response)) => {
            driver.with(|engine| engine.gateway.remove(&call));
            whole(&edge::write_response(&request, &response, ""))
        }
        Some(GatewayEvent::Broken(why)) => Err(failed(&format!("the connection to the API server ended: {why:?}"))),
        _ => Err(failed("the API server did not answer")),
    }
}

fn head<T>(response: &http::Response<T>) -> Result<ResponseInit, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in response.headers() {
        headers.append(name.as_str(), value.to_str().unwrap_or_default())?;
    }
    let init = ResponseInit::new();
    init.set_status(response.status().as_u16());
    init.set_headers(&headers);
    Ok(init)
}

fn whole(response: &http::Response<Bytes>) -> Result<JsValue, JsValue> {
    let body = Uint8Array::from(response.body().as_ref());
    Ok(Response::new_with_opt_buffer_source_and_init(Some(&body), &head(response)?)?.into())
}

/// A response whose body goes on as the world does.
fn stream(driver: &Driver, call: u64, response: &http::Response<()>) -> Result<JsValue, JsValue> {
    let source = Object::new();
    let own = driver.clone();
    let start = Closure::once_into_js(move |controller: ReadableStreamDefaultController| {
        wasm_bindgen_futures::spawn_local(feed(own, call, controller));
    });
    let own = driver.clone();
    let cancel = Closure::once_into_js(move |_reason: JsValue| {
        own.with(|engine| engine.gateway.remove(&call));
        own.apply(Command::HttpCancel { call });
    });
    Reflect::set(&source, &JsValue::from_str("start"), &start)?;
    Reflect::set(&source, &JsValue::from_str("cancel"), &cancel)?;
    let body = ReadableStream::new_with_underlying_source(&source)?;
    Ok(Response::new_with_opt_readable_stream_and_init(Some(&body), &head(response)?)?.into())
}

/// Hands on what came for `call` until the stream ends or nobody listens any more.
async fn feed(driver: Driver, call: u64, controller: ReadableStreamDefaultController) {
    driver.with(|engine| engine.gateway.entry(call).or_default().len());
    loop {
        let events = driver.with(|engine| engine.gateway.get_mut(&call).map(std::mem::take));
        let Some(events) = events else { return };
        for event in events {
            let bytes = match event {
                GatewayEvent::Watch(event) => edge::watch_frame(&event),
                GatewayEvent::Chunk(text) => edge::chunk(&text),
                GatewayEvent::Response(_) => continue,
                GatewayEvent::End | GatewayEvent::Broken(_) => {
                    driver.with(|engine| engine.gateway.remove(&call));
                    // A stream that is closed already is what was wanted.
                    let _ = controller.close();
                    return;
                }
            };
            if controller.enqueue_with_chunk(&Uint8Array::from(bytes.as_ref())).is_err() {
                driver.with(|engine| engine.gateway.remove(&call));
                return;
            }
        }
        gloo_timers::future::TimeoutFuture::new(POLL_MS).await;
    }
}
