//! Aligns columns as Go's `text/tabwriter` does, with kubectl's remembered widths.
//!
//! Mirrors github.com/liggitt/tabwriter. Leaves out: alignment to the right, tabs as padding, filters.

/// How columns are padded.
#[derive(Clone, Copy, Debug)]
pub struct Padding {
    pub minimum: usize,
    pub padding: usize,
}

/// `printers.GetNewTabWriter`: tables of `get`.
pub const TABLE: Padding = Padding { minimum: 6, padding: 3 };
/// `tabbedString`: the text of `describe`.
pub const DESCRIBE: Padding = Padding { minimum: 0, padding: 2 };

struct Writer<'t> {
    lines: Vec<Vec<&'t str>>,
    style: Padding,
    widths: Vec<usize>,
    out: String,
}

/// `text` with its tab-terminated cells aligned. `remembered` holds the widths of columns from before,
/// which only grow.
pub fn align(text: &str, style: Padding, remembered: Option<&mut Vec<usize>>) -> String {
    let lines: Vec<Vec<&str>> = text.split('\n').map(|line| line.split('\t').collect()).collect();
    let mut writer = Writer { lines, style, widths: Vec::new(), out: String::with_capacity(text.len() * 2) };
    let mut none = Vec::new();
    let remember = remembered.is_some();
    let memory = remembered.unwrap_or(&mut none);
    writer.format(0, writer.lines.len(), remember, memory);
    writer.out
}

impl Writer<'_> {
    fn format(&mut self, first: usize, end: usize, remember: bool, memory: &mut Vec<usize>) {
        let column = self.widths.len();
        let mut start = first;
        let mut this = first;
        while this < end {
            if column + 1 >= self.lines[this].len() {
                this += 1;
                continue;
            }
            self.write(start, this);
            start = this;
            let mut width = self.style.minimum;
            while this < end && column + 1 < self.lines[this].len() {
                width = width.max(self.lines[this][column].chars().count() + self.style.padding);
                this += 1;
            }
            if remember {
                if memory.len() <= column {
                    memory.push(width);
                }
                memory[column] = memory[column].max(width);
                width = memory[column];
            }
            self.widths.push(width);
            self.format(start, this, remember, memory);
            self.widths.pop();
            start = this;
        }
        self.write(start, end);
    }

    fn write(&mut self, first: usize, end: usize) {
        for index in first..end {
            for (column, cell) in self.lines[index].iter().enumerate() {
                self.out.push_str(cell);
                if let Some(width) = self.widths.get(column) {
                    let cell = cell.chars().count();
                    self.out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell)));
                }
            }
            if index + 1 < self.lines.len() {
                self.out.push('\n');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DESCRIBE, TABLE, align};

    #[test]
    fn columns_end_where_a_line_has_none() {
        assert_eq!(align("A\tB\nlong\tb\n", TABLE, None), "A      B\nlong   b\n");
        assert_eq!(
            align("Name:\tx\n  a:\tb\nAlone\nLonger name:\ty\n", DESCRIBE, None),
            "Name:  x\n  a:   b\nAlone\nLonger name:  y\n"
        );
        assert_eq!(align("a\t\n", DESCRIBE, None), "a  \n");
    }

    #[test]
    fn remembered_widths_only_grow() {
        let mut memory = Vec::new();
        assert_eq!(align("NAME\tX\nlonger-name\t1\n", TABLE, Some(&mut memory)), "NAME          X\nlonger-name   1\n");
        assert_eq!(align("a\t1\n", TABLE, Some(&mut memory)), "a             1\n");
    }
}
