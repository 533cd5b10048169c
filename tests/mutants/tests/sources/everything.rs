//! Everything that may be changed, and what may not.

const DAY_S: u64 = 24 * 3_600;

struct Shop {
    open: bool,
    stock: Vec<u32>,
}

impl Shop {
    const fn size() -> usize {
        2 + 2
    }

    fn close(&mut self) {
        self.open = false;
    }

    pub fn sells(&self, wanted: u32) -> bool {
        self.open && self.stock.iter().any(|each| *each == wanted) || !self.open
    }

    async fn take(&mut self, count: usize) -> Result<Option<String>, ()> {
        if let Some(first) = self.stock.first() && count > 0 {
            return Ok(Some(first.to_string()));
        }
        Ok(None)
    }

    fn grade(&self, points: i64) -> &'static str {
        match points {
            0 => "none",
            points if points < 10 && points >= -1 => "some",
            90..=100 => "all",
            _ => "most",
        }
    }
}

impl std::fmt::Debug for Shop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", 1 + 1)
    }
}

trait Named {
    fn name(&self) -> String;

    fn shout(&self) -> (String, u8) {
        (self.name().to_uppercase(), 3)
    }
}

fn sum(values: &[u64]) -> u64 {
    let mut sum = 0;
    for value in values {
        sum += value * 2 - 1;
    }
    sum
}

fn nothing() {}

fn hidden() -> impl Iterator<Item = u8> {
    std::iter::empty()
}

#[cfg(test)]
mod tests {
    #[test]
    fn is_left_alone() {
        assert!(1 + 1 == 2);
    }
}
