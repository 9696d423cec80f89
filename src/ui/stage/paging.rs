//! A long list a page at a time: what is drawn costs the same whatever there is.

use yew::prelude::*;

use super::super::driver::thousands;

/// Rows of a page.
const ROWS: usize = 100;

/// The rows of a page, from the first to the one after the last; the last page where there is no such page.
pub fn window(page: usize, total: usize) -> (usize, usize) {
    let first = page.min(total.saturating_sub(1) / ROWS) * ROWS;
    (first, (first + ROWS).min(total))
}

/// `Pods`, or `Pods, 101 to 200 of 3,000`.
pub fn caption(name: &str, page: usize, total: usize) -> String {
    let (first, end) = window(page, total);
    if total <= ROWS {
        return name.to_owned();
    }
    format!("{name}, {} to {} of {}", thousands(first as u64 + 1), thousands(end as u64), thousands(total as u64))
}

/// The buttons to other pages, where there are any.
pub fn pager(name: &str, page: &UseStateHandle<usize>, total: usize) -> Html {
    if total <= ROWS {
        return Html::default();
    }
    let last = (total - 1) / ROWS;
    let now = (**page).min(last);
    let button = |text: &'static str, to: Option<usize>| {
        let page = page.clone();
        let onclick = Callback::from(move |_: MouseEvent| page.set(to.unwrap_or(now)));
        html! {
            <button class="btn" disabled={to.is_none()} aria-label={format!("{text} page of {name}")} {onclick}>{ text }</button>
        }
    };
    html! {
        <div class="pager">
            { button("First", (now > 0).then_some(0)) }
            { button("Previous", now.checked_sub(1)) }
            { button("Next", (now < last).then_some(now + 1)) }
            { button("Last", (now < last).then_some(last)) }
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_a_hundred_rows_and_the_last_what_is_left() {
        assert_eq!(window(0, 0), (0, 0));
        assert_eq!(window(0, 7), (0, 7));
        assert_eq!(window(1, 250), (100, 200));
        assert_eq!(window(2, 250), (200, 250));
        // Rows went away meanwhile.
        assert_eq!(window(9, 200), (100, 200));
        assert_eq!(caption("Pods", 0, 100), "Pods");
        assert_eq!(caption("Pods", 12, 3_000), "Pods, 1,201 to 1,300 of 3,000");
    }
}
