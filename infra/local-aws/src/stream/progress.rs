//! How far a stream has been read, and how far it is done.

use std::collections::VecDeque;

use crate::services::dynamodb::StreamPosition;

/// Reads in their order, and how many records of each are under way.
///
/// Workers finish in any order; a position counts as done only when every record
/// before it is.
#[derive(Debug)]
pub(crate) struct Progress {
    position: StreamPosition,
    /// The number of the read at the front of `reads`.
    first: u64,
    reads: VecDeque<Read>,
}

#[derive(Debug)]
struct Read {
    under_way: usize,
    up_to: StreamPosition,
}

impl Progress {
    pub(crate) fn at(position: StreamPosition) -> Self {
        Self { position, first: 0, reads: VecDeque::new() }
    }

    /// Where the next read begins.
    pub(crate) fn read_up_to(&self) -> &StreamPosition {
        &self.position
    }

    /// How many records are under way.
    pub(crate) fn outstanding(&self) -> usize {
        self.reads.iter().map(|read| read.under_way).sum()
    }

    /// Adds a read of this number of records up to a position. Returns its number, and
    /// the position that is done if that has changed.
    pub(crate) fn read(
        &mut self,
        records: usize,
        up_to: StreamPosition,
    ) -> (u64, Option<StreamPosition>) {
        self.position = up_to.clone();
        self.reads.push_back(Read { under_way: records, up_to });
        let number = self.first + u64::try_from(self.reads.len() - 1).unwrap_or(u64::MAX);
        (number, self.advance())
    }

    /// Notes records that are done, each by the number of its read. Gives the
    /// position that is done if that has changed.
    pub(crate) fn complete(&mut self, reads: impl Iterator<Item = u64>) -> Option<StreamPosition> {
        for number in reads {
            let index =
                number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
            if let Some(read) = index.and_then(|index| self.reads.get_mut(index)) {
                read.under_way = read.under_way.saturating_sub(1);
            }
        }
        self.advance()
    }

    fn advance(&mut self) -> Option<StreamPosition> {
        let mut done = None;
        while self.reads.front().is_some_and(|read| read.under_way == 0) {
            done = self.reads.pop_front().map(|read| read.up_to);
            self.first += 1;
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(number: u64) -> StreamPosition {
        format!("{}", 100_000_000_000_000_000_000_u128 + u128::from(number)).parse().unwrap()
    }

    #[test]
    fn a_position_is_done_when_everything_before_it_is() {
        let mut progress = Progress::at(position(0));
        let (first, done) = progress.read(2, position(2));
        assert_eq!(done, None);
        let (second, done) = progress.read(1, position(3));
        assert_eq!(done, None);
        // A read without records that anyone wants.
        assert_eq!(progress.read(0, position(5)).1, None);
        assert_eq!(progress.outstanding(), 3);
        assert_eq!(*progress.read_up_to(), position(5));

        assert_eq!(progress.complete([second].into_iter()), None);
        assert_eq!(progress.complete([first].into_iter()), None);
        assert_eq!(progress.complete([first].into_iter()), Some(position(5)));
        assert_eq!(progress.outstanding(), 0);
        assert_eq!(progress.read(0, position(6)).1, Some(position(6)));
    }
}
