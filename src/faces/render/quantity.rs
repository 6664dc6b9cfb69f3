//! Times and sizes in few characters.

use std::time::Duration;

/// `0.31s`, `12s`, `2m03s`, `3h05m`, `2d04h`.
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let two = |large: u64, small: u64, units: [char; 2]| {
        format!("{large}{}{small:02}{}", units[0], units[1])
    };
    match seconds {
        0..10 => format!("{:.2}s", Duration::from_millis(milliseconds).as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3600 => two(seconds / 60, seconds % 60, ['m', 's']),
        3600..86400 => two(seconds / 3600, seconds % 3600 / 60, ['h', 'm']),
        _ => two(seconds / 86400, seconds % 86400 / 3600, ['d', 'h']),
    }
}

/// `100 B`, `4.0 KiB`, `1.5 GiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut amount = count as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    // What would be rounded to 1024.0 of one unit is 1.0 of the next.
    while amount >= 1023.95
        && let Some(next) = units.next()
    {
        amount /= 1024.0;
        unit = Some(next);
    }
    format!("{amount:.1} {}", unit.unwrap_or(&"B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        let cases = [
            (310, "0.31s"),
            (9_999, "10.00s"),
            (12_000, "12s"),
            (123_000, "2m03s"),
            (11_100_000, "3h05m"),
            (187_200_000, "2d04h"),
        ];
        for (milliseconds, text) in cases {
            assert_eq!(duration(milliseconds), text);
        }
    }

    #[test]
    fn sizes_have_one_decimal() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (8_388_608, "8.0 MiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (count, text) in cases {
            assert_eq!(bytes(count), text);
        }
    }
}
