module frontier.test/gen-b

go 1.24.0

require frontier.test/peer v0.0.0

require (
	github.com/jumboframes/armorigo v0.2.5 // indirect
	github.com/singchia/geminio v1.3.0-rc.2 // indirect
	github.com/singchia/go-timer/v2 v2.2.2 // indirect
	github.com/singchia/yafsm v1.0.1 // indirect
)

replace frontier.test/peer => ../peer
