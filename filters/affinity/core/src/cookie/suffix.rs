/// Whether browsers take `host` for a public suffix: a domain under which strangers register theirs, for which no cookie
/// can be set.
///
/// The public suffix list has 10,000 entries and changes weekly: here are the second levels of the largest countries and
/// the hosting domains that are seen most. One that is missing is no danger, browsers drop the cookie.
pub(super) fn is_public_suffix(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let is_second_level = host.split_once('.').is_some_and(|(second, country)| {
        COUNTRIES
            .iter()
            .any(|(name, seconds)| *name == country && seconds.split(' ').any(|label| label == second))
    });
    is_second_level || HOSTING.contains(&host.as_str())
}

const COUNTRIES: [(&str, &str); 18] = [
    ("ar", "com edu gob gov mil net org"),
    ("au", "asn com edu gov id net org"),
    ("br", "com edu gov mil net org"),
    ("cn", "ac com edu gov mil net org"),
    ("hk", "com edu gov idv net org"),
    ("id", "ac co go net or web"),
    ("il", "ac co gov muni net org"),
    ("in", "ac co edu gov net nic org"),
    ("jp", "ac ad co ed go gr lg ne or"),
    ("kr", "ac co go ne or re"),
    ("mx", "com edu gob net org"),
    ("nz", "ac co geek gen govt net org school"),
    ("sg", "com edu gov net org per"),
    ("th", "ac co go in mi net or"),
    ("tr", "av com edu gov info mil net org"),
    ("tw", "com edu gov idv net org"),
    ("uk", "ac co gov ltd me net nhs org plc police sch"),
    ("za", "ac co edu gov law net nom org web"),
];

const HOSTING: [&str; 16] = [
    "appspot.com",
    "azurewebsites.net",
    "blogspot.com",
    "cloudfront.net",
    "firebaseapp.com",
    "fly.dev",
    "github.io",
    "gitlab.io",
    "herokuapp.com",
    "netlify.app",
    "onrender.com",
    "pages.dev",
    "run.app",
    "vercel.app",
    "web.app",
    "workers.dev",
];
