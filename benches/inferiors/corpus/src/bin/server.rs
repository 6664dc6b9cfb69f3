use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 1024];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        let busy: u64 = buffer[..length].iter().map(|byte| u64::from(*byte)).sum();
        std::hint::black_box(busy);
        if stream.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 3)]
async fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    for _ in 0..4 {
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let mut buffer = [7; 512];
            loop {
                stream.write_all(&buffer).await.unwrap();
                stream.read_exact(&mut buffer).await.unwrap();
            }
        });
    }
    println!("ready");
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(echo(stream));
    }
}
