//! The page.

fn main() {
    kubarium::ui::run();
}
