// Command gen-a is the test peer over the Go transport of generation A (geminio v1.1.7-rc.1).
package main

import "frontier.test/peer"

func main() { peer.Main() }
