use std::io::BufRead;
fn main(){ let t=std::time::Instant::now(); let e=pageperfect_encoder::Encoder::parse(std::fs::read(std::env::args().nth(1).unwrap()).unwrap()).unwrap(); eprintln!("load {:?}",t.elapsed());
let l:Vec<String>=std::io::stdin().lock().lines().map(|l|l.unwrap()).collect(); let t=std::time::Instant::now(); let v=e.embed(&l); eprintln!("{} texts {} tokens {:?}",l.len(),v.iter().map(|v|v.token_count).sum::<usize>(),t.elapsed());
for v in v { println!("{}",v.vector.iter().map(|x|x.to_string()).collect::<Vec<_>>().join(" ")); } }
