//! The buttons at the stage's corner: closer, farther, the whole of it, and the list of keys.

use yew::prelude::*;

use super::super::app::Ask;
use super::super::controls::icon;
use super::super::driver::Driver;
use super::super::keys::ZOOM_STEP;

/// Properties of the buttons.
#[derive(Properties, PartialEq)]
pub struct CloserProps {
    pub driver: Driver,
    pub on_ask: Callback<Ask>,
}

/// The buttons. How close it is, the driver writes.
#[component(Closer)]
pub fn closer(props: &CloserProps) -> Html {
    let zoom = |factor: f64| {
        let driver = props.driver.clone();
        Callback::from(move |_: MouseEvent| driver.zoom_stage(factor, None))
    };
    let show_keys = props.on_ask.reform(|_: MouseEvent| Ask::Keys(true));
    html! {
        <div class="closer" role="group" aria-label="Zoom">
            <button aria-label="Farther" title="Farther (−)" onclick={zoom(1.0 / ZOOM_STEP)}>{ icon("#i-minus") }</button>
            <button class="whole" title="The whole stage (0)" onclick={zoom(0.0)}><span class="sr">{ "The whole stage, now at " }</span><span id="closeness"></span></button>
            <button aria-label="Closer" title="Closer (+)" onclick={zoom(ZOOM_STEP)}>{ icon("#i-plus") }</button>
            <button class="ask-keys" aria-label="Keys" title="Keys (?)" onclick={show_keys}>{ "?" }</button>
        </div>
    }
}
