//! `window.kubarium`: the page for scripts. Simulated time that a call needs is run as fast as possible;
//! everything else goes on at the page's own pace.

use std::cell::RefCell;
use std::time::Duration;

use gloo_timers::future::TimeoutFuture;
use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use wasm_bindgen_futures::future_to_promise;

use crate::cluster::{Command, Phase};
use crate::sim::SimTime;

use super::driver::Driver;
use super::engine::Engine;
use super::pace::{SPEEDS, Speed};
use super::script_fetch::fetch;

/// Wall time between two breaths while a script runs the world.
const SLICE_MS: f64 = 50.0;
/// A kubectl line that takes longer in simulated time resolves with a null code.
const LINE_LIMIT: Duration = Duration::from_secs(600);

/// Puts `kubarium` on the window.
pub fn install(driver: &Driver) {
    let api = Object::new();
    let mut kept = Kept { object: api.clone(), closures: Vec::new() };
    set(&api, "ready", &Promise::resolve(&JsValue::TRUE));
    functions(&mut kept, driver);
    if let Some(window) = web_sys::window() {
        set(&window, "kubarium", &api);
        // For whoever measures how long the page took to open; a browser that keeps no marks loses nothing.
        let _ = window.performance().map(|performance| performance.mark("kubarium-ready"));
    }
    // The closures live as long as the page.
    KEPT.with(|slot| *slot.borrow_mut() = Some(kept));
}

/// A function of the API.
type Function = Closure<dyn FnMut(JsValue, JsValue) -> JsValue>;

struct Kept {
    object: Object,
    closures: Vec<Function>,
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

impl Kept {
    fn function(&mut self, name: &str, act: impl FnMut(JsValue, JsValue) -> JsValue + 'static) {
        let closure: Function = Closure::new(act);
        set(&self.object, name, closure.as_ref());
        self.closures.push(closure);
    }
}

fn set(object: &JsValue, name: &str, value: &JsValue) {
    // Setting a property of a plain object cannot fail.
    let _ = Reflect::set(object, &JsValue::from_str(name), value);
}

fn functions(kept: &mut Kept, driver: &Driver) {
    let own = driver.clone();
    kept.function("kubectl", move |line, stdin| promise(kubectl(own.clone(), text(&line), text(&stdin))));
    let own = driver.clone();
    kept.function("fetch", move |path, init| promise(fetch(own.clone(), text(&path), init)));
    let own = driver.clone();
    kept.function("run", move |options, _| {
        let ms = Reflect::get(&options, &JsValue::from_str("forMs")).ok().and_then(|ms| ms.as_f64()).unwrap_or(0.0);
        promise(run(own.clone(), ms))
    });
    let own = driver.clone();
    kept.function("seek", move |ms, _| {
        own.seek(SimTime(micros(ms.as_f64().unwrap_or(0.0))));
        JsValue::UNDEFINED
    });
    for (name, act) in [
        ("play", Driver::play as fn(&Driver)),
        ("pause", Driver::pause),
        ("step", Driver::step),
        ("stepBack", Driver::step_back),
    ] {
        let own = driver.clone();
        kept.function(name, move |_, _| {
            act(&own);
            JsValue::UNDEFINED
        });
    }
    let own = driver.clone();
    kept.function("speed", move |speed, _| set_speed(&own, &speed));
    let own = driver.clone();
    kept.function("now", move |_, _| JsValue::from_f64(own.now().0 as f64 / 1_000.0));
    let own = driver.clone();
    kept.function("traceHash", move |_, _| {
        JsValue::from_str(&own.with(|engine| format!("{:016x}", engine.session.trace_hash())))
    });
    let own = driver.clone();
    kept.function("stats", move |_, _| stats(&own));
}

/// Milliseconds as a script has them in whole microseconds: what `now` gave comes back as it was.
fn micros(ms: f64) -> u64 {
    (ms.max(0.0) * 1_000.0).round() as u64
}

fn text(value: &JsValue) -> String {
    value.as_string().unwrap_or_default()
}

fn promise(future: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> JsValue {
    future_to_promise(future).into()
}

/// `"auto"`, or a factor.
fn set_speed(driver: &Driver, speed: &JsValue) -> JsValue {
    if let Some(times) = speed.as_f64().filter(|times| times.is_finite() && *times > 0.0) {
        driver.set_speed(Speed::Times(times.clamp(0.0001, 1_000.0)));
    } else if speed.as_string().is_some_and(|word| word.eq_ignore_ascii_case("auto")) {
        driver.set_speed(Speed::Auto);
    } else {
        let names: Vec<&str> = SPEEDS.iter().map(|(_, name)| *name).collect();
        return js_sys::Error::new(&format!("speed takes a positive factor or \"auto\", as in {}", names.join(", ")))
            .into();
    }
    JsValue::UNDEFINED
}

fn stats(driver: &Driver) -> JsValue {
    let (stats, packets, pods) = driver.with(|engine| {
        let running = engine.things.pods.iter().filter(|pod| pod.phase == Phase::Running).count();
        (engine.session.stats(), engine.packets.len(), (engine.things.pods.len(), running))
    });
    let (frame_ms, frame_ms_max) = driver.frame_times();
    let object = Object::new();
    for (name, value) in [
        ("eventsHandled", stats.events_handled as f64),
        ("messagesDelivered", stats.messages_delivered as f64),
        ("messagesInFlight", stats.messages_in_flight as f64),
        ("traceDropped", stats.trace_dropped as f64),
        ("packetsInView", packets as f64),
        ("pods", pods.0 as f64),
        ("podsRunning", pods.1 as f64),
        ("frameMs", frame_ms),
        ("frameMsMax", frame_ms_max),
    ] {
        set(&object, name, &JsValue::from_f64(value));
    }
    object.into()
}

/// Runs the world as fast as possible until `done` says so or `limit` is reached, with a breath now and
/// then. True when it was done.
pub async fn run_until(driver: &Driver, limit: SimTime, done: impl Fn(&mut Engine) -> bool) -> bool {
    driver.hurry(true);
    let done = run_in_slices(driver, limit, done).await;
    driver.hurry(false);
    done
}

async fn run_in_slices(driver: &Driver, limit: SimTime, done: impl Fn(&mut Engine) -> bool) -> bool {
    loop {
        driver.hurry_on();
        let begun = driver.wall_ms();
        let finished = driver.with(|engine| {
            loop {
                if done(engine) {
                    return Some(true);
                }
                match engine.session.world().kernel().next_due().filter(|due| *due <= limit) {
                    Some(due) => {
                        engine.session.run_budget(due, 64);
                    }
                    None => {
                        engine.session.run_until(limit);
                        return Some(done(engine));
                    }
                }
                if driver_late(begun) {
                    return None;
                }
            }
        });
        if let Some(done) = finished {
            return done;
        }
        TimeoutFuture::new(0).await;
    }
}

fn driver_late(begun: f64) -> bool {
    let clock = web_sys::window().and_then(|window| window.performance());
    clock.is_some_and(|clock| clock.now() - begun > SLICE_MS)
}

async fn run(driver: Driver, ms: f64) -> Result<JsValue, JsValue> {
    let limit = SimTime(driver.now().0 + micros(ms));
    run_until(&driver, limit, |engine| engine.now() >= limit).await;
    Ok(JsValue::from_f64(driver.now().0 as f64 / 1_000.0))
}

async fn kubectl(driver: Driver, line: String, stdin: String) -> Result<JsValue, JsValue> {
    let applied = driver.apply(Command::Kubectl { line, stdin });
    let Some(invocation) = applied.invocation else {
        return Err(js_sys::Error::new("the line began no invocation").into());
    };
    let limit = driver.now() + LINE_LIMIT;
    let ended = move |engine: &mut Engine| engine.session.invocation(invocation).is_none_or(|view| view.code.is_some());
    run_until(&driver, limit, ended).await;
    let view = driver.with(|engine| engine.session.invocation(invocation));
    let Some(view) = view else {
        return Err(js_sys::Error::new("the run was wound back before the line ended").into());
    };
    let out = Object::new();
    set(&out, "stdout", &JsValue::from_str(&view.stdout));
    set(&out, "stderr", &JsValue::from_str(&view.stderr));
    set(&out, "code", &view.code.map_or(JsValue::NULL, JsValue::from));
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::micros;

    #[test]
    fn every_microsecond_survives_a_script() {
        assert_eq!(micros(130.884), 130_884, "130.884 * 1,000 is a little less");
        assert!((0..2_000_000).all(|at| micros(at as f64 / 1_000.0) == at));
        assert_eq!(micros(-1.0), 0);
    }
}
