//! What went wrong and does not stop the page: a sentence each, until the reader closes it.

use yew::prelude::*;

use super::controls::icon;

/// Properties of the notices.
#[derive(Properties, PartialEq)]
pub struct NoticesProps {
    pub notices: Vec<String>,
    pub on_close: Callback<usize>,
}

/// The notices, over the stage.
#[component(Notices)]
pub fn notices(props: &NoticesProps) -> Html {
    let one = |(index, notice): (usize, &String)| {
        let onclick = props.on_close.reform(move |_: MouseEvent| index);
        html! {
            <div class="notice" key={notice.clone()}>
                <p>{ notice.clone() }</p>
                <button class="iconbtn" aria-label="Close" {onclick}>{ icon("#i-close") }</button>
            </div>
        }
    };
    html! { <div class="notices" role="status">{ for props.notices.iter().enumerate().map(one) }</div> }
}
