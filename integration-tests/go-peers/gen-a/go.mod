module frontier.test/gen-a

go 1.24.0

require frontier.test/peer v0.0.0

require (
	github.com/jumboframes/armorigo v0.2.5 // indirect
	github.com/singchia/geminio v1.1.7-rc.1 // indirect
	github.com/singchia/go-timer/v2 v2.2.1 // indirect
	github.com/singchia/yafsm v1.0.1 // indirect
)

replace frontier.test/peer => ../peer
