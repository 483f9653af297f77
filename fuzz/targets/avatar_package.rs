//! An avatar's package that comes from somewhere else.
#![no_main]

use face::Package;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|zip: &[u8]| {
    if let Ok(package) = Package::from_bytes(zip) {
        let again = package.to_bytes().expect("what was read can be written");
        Package::from_bytes(&again).expect("and read again");
    }
});
