// Command gen-b is the test peer over the Go transport of generation B (geminio v1.3.0-rc.2).
package main

import "frontier.test/peer"

func main() { peer.Main() }
